//! Shapes: broadcasting, and the rank that candle can carry.

use crate::{Error, Result};

/// The highest rank that candle's broadcasting ops can iterate over (they panic beyond).
///
/// # Examples
///
/// ```
/// use rushlight_distributions::shape::{MAX_RANK, broadcast};
///
/// assert_eq!(broadcast("an example", &[&[2; MAX_RANK]])?.len(), 8);
/// assert!(broadcast("an example", &[&[2; MAX_RANK + 1]]).is_err());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub const MAX_RANK: usize = 8;

/// The shape that `shapes` broadcast to, aligned from the right.
///
/// # Errors
///
/// [`Error::Broadcast`] if two dims differ and neither is 1, [`Error::Rank`] beyond [`MAX_RANK`].
///
/// ```
/// # use rushlight_distributions::shape::broadcast;
/// assert_eq!(broadcast("loc and scale", &[&[3, 1], &[4]])?, [3, 4]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn broadcast(what: &'static str, shapes: &[&[usize]]) -> Result<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for shape in shapes {
        for (o, &n) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            if *o == 1 {
                *o = n;
            } else if n != 1 && n != *o {
                let shapes = shapes.iter().map(|s| s.to_vec()).collect();
                return Err(Error::Broadcast { what, shapes });
            }
        }
    }
    check_rank(&out)?;
    Ok(out)
}

/// Whether two shapes are equal.
///
/// Said with a loop, because `==` of empty slices becomes a `memcmp` of nothing at a dangling address, which
/// current processors with AVX-512 take 0.1 µs to get over: as long as a tensor op on a scalar.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::shape::equal;
///
/// assert!(equal(&[2, 3], &[2, 3]) && !equal(&[2, 3], &[3]));
/// ```
#[inline]
pub fn equal(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

/// Whether `from` broadcasts to exactly `to`.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::shape::broadcasts_to;
///
/// assert!(broadcasts_to(&[1, 3], &[4, 2, 3]));
/// assert!(!broadcasts_to(&[2, 3], &[1, 3]));
/// ```
pub fn broadcasts_to(from: &[usize], to: &[usize]) -> bool {
    from.len() <= to.len()
        && from.iter().rev().zip(to.iter().rev()).all(|(&f, &t)| f == t || f == 1)
}

/// The shape of draws.
///
/// # Errors
///
/// [`Error::Rank`] beyond [`MAX_RANK`] dims.
pub(crate) fn of_draws(shape: &[usize], batch: &[usize]) -> Result<Vec<usize>> {
    let full = [shape, batch].concat();
    check_rank(&full)?;
    Ok(full)
}

/// # Errors
///
/// [`Error::Rank`] if `shape` has more than [`MAX_RANK`] dims.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::shape::{MAX_RANK, check_rank};
///
/// assert!(check_rank(&[1; MAX_RANK]).is_ok());
/// assert!(check_rank(&[1; MAX_RANK + 1]).is_err());
/// ```
pub fn check_rank(shape: &[usize]) -> Result<()> {
    if shape.len() > MAX_RANK {
        return Err(Error::Rank { shape: shape.to_vec() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_from_the_right() {
        assert_eq!(broadcast("t", &[&[], &[2, 1], &[3]]).unwrap(), [2, 3]);
        assert_eq!(broadcast("t", &[]).unwrap(), [0usize; 0]);
        let text = broadcast("loc and scale", &[&[2], &[3]]).unwrap_err().to_string();
        assert_eq!(
            text,
            "loc and scale: the shapes [[2], [3]] do not broadcast together; \
             dims must be equal or 1, counted from the right"
        );
    }

    #[test]
    fn a_ninth_dim_is_an_error() {
        let text = broadcast("t", &[&[1; 9]]).unwrap_err().to_string();
        assert!(text.contains("has 9 dims, but candle broadcasts at most 8"), "{text}");
    }

    #[test]
    fn broadcasts_to_is_one_way() {
        assert!(broadcasts_to(&[1, 3], &[2, 3]));
        assert!(!broadcasts_to(&[2, 3], &[1, 3]));
        assert!(!broadcasts_to(&[1, 1], &[1]));
    }
}
