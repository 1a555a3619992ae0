//! What a file says of parameters besides their values.
//!
//! The tensors of the file are the unconstrained values. One entry of its metadata, a text, adds the version
//! of the format and then, a line a parameter in order of creation, what a tensor cannot say:
//!
//! ```text
//! version 1
//! positive [] alpha
//! simplex [2,3] weights
//! ```
//!
//! It is one entry because the order of several is left to chance: the same parameters give the same bytes.

use super::Param;
use rushlight_distributions::Constraint;

/// Where the metadata keeps the text.
pub(super) const KEY: &str = "rushlight.params";

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;

/// One parameter but for its value.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub name: String,
    pub constraint: Constraint,
    /// The shape in constrained space.
    pub shape: Vec<usize>,
}

pub(super) fn write<'a>(params: impl Iterator<Item = (&'a str, &'a Param)>) -> String {
    let mut text = format!("version {VERSION}\n");
    for (name, param) in params {
        let shape: Vec<String> = param.shape.iter().map(usize::to_string).collect();
        let (constraint, shape) = (param.constraint.code(), shape.join(","));
        text.push_str(&format!("{constraint} [{shape}] {}\n", escape(name)));
    }
    text
}

/// The version; `None` if there is none.
pub(super) fn version(text: &str) -> Option<u32> {
    text.lines().next()?.strip_prefix("version ")?.parse().ok()
}

/// The parameters; an error is the line that makes no sense.
pub(super) fn read(text: &str) -> Result<Vec<Line>, &str> {
    // Not `lines`, which would take the end of a name for part of a line break.
    let lines = text.split('\n').skip(1).filter(|l| !l.is_empty());
    lines.map(|line| parse(line).ok_or(line)).collect()
}

fn parse(line: &str) -> Option<Line> {
    let (constraint, rest) = line.split_once(' ')?;
    let (shape, name) = rest.split_once(' ')?;
    let shape = shape.strip_prefix('[')?.strip_suffix(']')?;
    let sizes = shape.split(',').filter(|size| !size.is_empty());
    Some(Line {
        name: unescape(name),
        constraint: Constraint::from_code(constraint)?,
        shape: sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?,
    })
}

/// A name on one line.
fn escape(name: &str) -> String {
    name.replace('\\', r"\\").replace('\n', r"\n")
}

fn unescape(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            // Either way the character behind it is used up.
            '\\' if chars.next() == Some('n') => '\n',
            c => c,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Tensor, Var};

    #[test]
    fn any_name_and_shape_comes_back() {
        let zero = Tensor::new(0f32, &candle_core::Device::Cpu).unwrap();
        let param = |constraint, shape: &[usize]| Param {
            unconstrained: Var::from_tensor(&zero).unwrap(),
            constraint,
            shape: shape.to_vec(),
            frozen: false,
        };
        let named = [
            ("alpha", param(Constraint::Positive, &[])),
            ("net.hidden weight", param(Constraint::Real, &[2, 30])),
            ("odd \\n\n\\\r", param(Constraint::Simplex, &[3])),
            ("", param(Constraint::UnitInterval, &[0])),
        ];
        let text = write(named.iter().map(|(name, p)| (*name, p)));
        assert_eq!(version(&text), Some(1));
        let read = read(&text).unwrap();
        assert_eq!(read.len(), named.len());
        for (line, (name, p)) in read.iter().zip(&named) {
            assert_eq!((&*line.name, &line.constraint), (*name, &p.constraint));
            assert_eq!(line.shape, p.shape);
        }
    }

    #[test]
    fn a_line_without_sense_is_told() {
        for line in ["positive [2,x] a", "wet [] a", "real", "real 2 a"] {
            assert_eq!(read(&format!("version 1\nreal [] b\n{line}\n")), Err(line));
        }
        assert_eq!(version("version one\n"), None);
        assert_eq!(version(""), None);
    }
}
