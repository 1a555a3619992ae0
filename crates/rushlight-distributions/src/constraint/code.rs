//! The short names under which files hold constraints.

use super::Constraint;

impl Constraint {
    /// A short name without spaces, for files. Unlike the text for people, it never changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::Constraint;
    ///
    /// assert_eq!(Constraint::UnitInterval.code(), "unit_interval");
    /// assert_eq!(Constraint::from_code("category(3)"), Some(Constraint::Category { classes: 3 }));
    /// assert_eq!(Constraint::from_code("nonsense"), None);
    /// ```
    pub fn code(&self) -> String {
        let name = match self {
            Self::Real => "real",
            Self::Positive => "positive",
            Self::NonNegative => "non_negative",
            Self::LogWeight => "log_weight",
            Self::UnitInterval => "unit_interval",
            Self::OpenUnitInterval => "open_unit_interval",
            Self::Simplex => "simplex",
            Self::Boolean => "boolean",
            Self::AtLeast { low } => return format!("at_least({low:?})"),
            Self::Interval { low, high } => return format!("interval({low:?},{high:?})"),
            Self::Category { classes } => return format!("category({classes})"),
            Self::NonNegativeInteger => "non_negative_integer",
            Self::IntegerInterval { low, high } => {
                return format!("integer_interval({low},{high})");
            }
            Self::OneHot => "one_hot",
            Self::Counts { total_count } => return format!("counts({total_count})"),
        };
        name.to_owned()
    }

    /// The constraint of that [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "real" => Self::Real,
            "positive" => Self::Positive,
            "non_negative" => Self::NonNegative,
            "log_weight" => Self::LogWeight,
            "unit_interval" => Self::UnitInterval,
            "open_unit_interval" => Self::OpenUnitInterval,
            "simplex" => Self::Simplex,
            "boolean" => Self::Boolean,
            "non_negative_integer" => Self::NonNegativeInteger,
            "one_hot" => Self::OneHot,
            _ => {
                let (name, given) = code.strip_suffix(')')?.split_once('(')?;
                match name {
                    "at_least" => Self::AtLeast { low: given.parse().ok()? },
                    "interval" => {
                        let (low, high) = given.split_once(',')?;
                        Self::Interval { low: low.parse().ok()?, high: high.parse().ok()? }
                    }
                    "category" => Self::Category { classes: given.parse().ok()? },
                    "integer_interval" => {
                        let (low, high) = given.split_once(',')?;
                        Self::IntegerInterval { low: low.parse().ok()?, high: high.parse().ok()? }
                    }
                    "counts" => Self::Counts { total_count: given.parse().ok()? },
                    _ => return None,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constraint_comes_back() {
        let all = [
            Constraint::Real,
            Constraint::Positive,
            Constraint::NonNegative,
            Constraint::LogWeight,
            Constraint::UnitInterval,
            Constraint::Simplex,
            Constraint::Boolean,
            Constraint::Category { classes: 12 },
            Constraint::OpenUnitInterval,
            Constraint::AtLeast { low: -0.1 },
            Constraint::AtLeast { low: 1e300 },
            Constraint::Interval { low: -1.0, high: 1.0 / 3.0 },
            Constraint::NonNegativeInteger,
            Constraint::IntegerInterval { low: -2, high: 12 },
            Constraint::OneHot,
            Constraint::Counts { total_count: 12 },
        ];
        for constraint in all {
            assert_eq!(Constraint::from_code(&constraint.code()), Some(constraint));
        }
    }
}
