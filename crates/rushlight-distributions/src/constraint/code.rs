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
            Self::Simplex => "simplex",
            Self::Boolean => "boolean",
            Self::Category { classes } => return format!("category({classes})"),
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
            "simplex" => Self::Simplex,
            "boolean" => Self::Boolean,
            _ => {
                let classes = code.strip_prefix("category(")?.strip_suffix(')')?;
                Self::Category { classes: classes.parse().ok()? }
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
        ];
        for constraint in all {
            assert_eq!(Constraint::from_code(&constraint.code()), Some(constraint));
        }
    }
}
