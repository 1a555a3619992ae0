//! The short names under which files hold constraints.

use super::Constraint;
use std::sync::Arc;

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
            Self::SoftplusPositive => "softplus_positive",
            Self::GreaterThan { low } => return format!("greater_than({low:?})"),
            Self::LessThan { high } => return format!("less_than({high:?})"),
            Self::AtMost { high } => return format!("at_most({high:?})"),
            Self::HalfOpenInterval { low, high } => {
                return format!("half_open_interval({low:?},{high:?})");
            }
            Self::OrderedVector => "ordered_vector",
            Self::PositiveOrderedVector => "positive_ordered_vector",
            Self::Sphere => "sphere",
            Self::SoftplusLowerCholesky => "softplus_lower_cholesky",
            Self::LowerCholesky => "lower_cholesky",
            Self::UnitLowerCholesky => "unit_lower_cholesky",
            Self::LowerTriangular => "lower_triangular",
            Self::PositiveDefinite => "positive_definite",
            Self::CorrelationCholesky => "correlation_cholesky",
            Self::CorrelationMatrix => "correlation_matrix",
            Self::Independent { base, dims } => {
                return format!("independent({dims},{})", base.code());
            }
            Self::Stacked { parts, dim } => {
                let parts: String = parts.iter().map(|part| format!(",{}", part.code())).collect();
                return format!("stacked({dim}{parts})");
            }
            Self::Cat { parts, dim } => {
                let part = |(part, n): &(Self, usize)| format!(",{n},{}", part.code());
                let parts: String = parts.iter().map(part).collect();
                return format!("cat({dim}{parts})");
            }
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
            "softplus_positive" => Self::SoftplusPositive,
            "ordered_vector" => Self::OrderedVector,
            "positive_ordered_vector" => Self::PositiveOrderedVector,
            "sphere" => Self::Sphere,
            "softplus_lower_cholesky" => Self::SoftplusLowerCholesky,
            "lower_cholesky" => Self::LowerCholesky,
            "unit_lower_cholesky" => Self::UnitLowerCholesky,
            "lower_triangular" => Self::LowerTriangular,
            "positive_definite" => Self::PositiveDefinite,
            "correlation_cholesky" => Self::CorrelationCholesky,
            "correlation_matrix" => Self::CorrelationMatrix,
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
                    "greater_than" => Self::GreaterThan { low: given.parse().ok()? },
                    "less_than" => Self::LessThan { high: given.parse().ok()? },
                    "at_most" => Self::AtMost { high: given.parse().ok()? },
                    "half_open_interval" => {
                        let (low, high) = given.split_once(',')?;
                        let (low, high) = (low.parse().ok()?, high.parse().ok()?);
                        Self::HalfOpenInterval { low, high }
                    }
                    "independent" => {
                        let (dims, base) = given.split_once(',')?;
                        let base = Arc::new(Self::from_code(base)?);
                        Self::Independent { base, dims: dims.parse().ok()? }
                    }
                    "stacked" => {
                        let (dim, parts) = given.split_once(',')?;
                        let parts = arguments(parts).into_iter().map(Self::from_code);
                        Self::Stacked {
                            parts: parts.collect::<Option<_>>()?,
                            dim: dim.parse().ok()?,
                        }
                    }
                    "cat" => {
                        let (dim, parts) = given.split_once(',')?;
                        let part = |pair: &[&str]| match pair {
                            [n, part] => Some((Self::from_code(part)?, n.parse().ok()?)),
                            _ => None,
                        };
                        let parts = arguments(parts).chunks(2).map(part).collect::<Option<_>>()?;
                        Self::Cat { parts, dim: dim.parse().ok()? }
                    }
                    _ => return None,
                }
            }
        })
    }
}

/// What lies between the commas outside of parentheses.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut all) = (0usize, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                all.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    all.push(&text[start..]);
    all
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
            Constraint::SoftplusPositive,
            Constraint::GreaterThan { low: -0.1 },
            Constraint::LessThan { high: 1e300 },
            Constraint::AtMost { high: 1.0 / 3.0 },
            Constraint::HalfOpenInterval { low: -1.0, high: 1.0 / 3.0 },
            Constraint::OrderedVector,
            Constraint::PositiveOrderedVector,
            Constraint::Sphere,
            Constraint::SoftplusLowerCholesky,
            Constraint::LowerCholesky,
            Constraint::UnitLowerCholesky,
            Constraint::LowerTriangular,
            Constraint::PositiveDefinite,
            Constraint::CorrelationCholesky,
            Constraint::CorrelationMatrix,
            Constraint::Interval { low: 0.0, high: 0.5 }.to_event(2),
            Constraint::stacked([Constraint::Real, Constraint::AtLeast { low: 2.5 }], 1),
            Constraint::cat(
                [
                    (Constraint::Interval { low: -1.0, high: 2.0 }.to_event(1), 3),
                    (Constraint::stacked([Constraint::Real, Constraint::Simplex], 0), 2),
                ],
                0,
            ),
        ];
        for constraint in all {
            let code = constraint.code();
            assert!(!code.contains(' '), "{code}");
            assert_eq!(Constraint::from_code(&code), Some(constraint));
        }
        for wrong in
            ["stacked(0,real", "cat(0,real)", "cat(0,2)", "independent(1)", "stacked(x,real)"]
        {
            assert_eq!(Constraint::from_code(wrong), None, "{wrong}");
        }
    }
}
