//! Rows of entries in bundles of vectors, for SIMD.
//!
//! Many short rows (ten classes) lie side by side: entry `j` of sixteen rows makes vector `j`, and what is folded
//! along each row is folded vector by vector. Of few or long rows, each lies across the vectors, and the lanes are
//! folded at the end. What is computed of a bundle is written once for both.

use crate::Real;

/// The entries of a vector: whole ones of every instruction set.
pub(crate) const LANES: usize = 16;

/// One vector.
pub(crate) type Lanes<T> = [T; LANES];

/// How rows lie in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Sixteen rows, a lane each.
    Beside,
    /// One row.
    Across,
}

impl Layout {
    /// That in which `rows` rows of `k` entries take less.
    pub fn of(rows: usize, k: usize) -> Self {
        // A bundle of long rows would not fit the nearest cache. Folding lanes takes about another vector.
        const LONG: usize = 256;
        let beside = rows.div_ceil(LANES) * k;
        let across = rows * (k.div_ceil(LANES) + 1);
        if k <= LONG && beside <= across { Self::Beside } else { Self::Across }
    }

    /// The rows of a bundle.
    pub fn rows(self) -> usize {
        match self {
            Self::Beside => LANES,
            Self::Across => 1,
        }
    }

    /// A bundle for rows of `k` entries.
    pub fn bundle<T: Real>(self, k: usize) -> Vec<Lanes<T>> {
        let vectors = match self {
            Self::Beside => k,
            Self::Across => k.div_ceil(LANES),
        };
        vec![[T::ONE; LANES]; vectors]
    }

    /// Copies the rows of `k` entries at `starts`, as many as a bundle has at most, into a bundle, with `padding`
    /// behind a row that lies across.
    pub fn load<T: Real>(
        self,
        bundle: &mut [Lanes<T>],
        data: &[T],
        starts: &[usize],
        k: usize,
        padding: T,
    ) {
        match self {
            Self::Beside => {
                for (lane, &start) in starts.iter().enumerate().take(LANES) {
                    for (vector, &x) in bundle.iter_mut().zip(&data[start..start + k]) {
                        vector[lane] = x;
                    }
                }
            }
            Self::Across => {
                let flat = bundle.as_flattened_mut();
                for &start in starts {
                    flat[..k].copy_from_slice(&data[start..start + k]);
                }
                flat[k..].fill(padding);
            }
        }
    }

    /// Calls `each` with the entries of the row in place `row`, in their order, and with `to` along it.
    #[inline(always)]
    pub fn unload<T: Real, U>(
        self,
        bundle: &[Lanes<T>],
        row: usize,
        to: &mut [U],
        mut each: impl FnMut(&mut U, T),
    ) {
        match self {
            Self::Beside if row < LANES => {
                to.iter_mut().zip(bundle).for_each(|(to, vector)| each(to, vector[row]));
            }
            Self::Beside => {}
            Self::Across => {
                to.iter_mut().zip(bundle.as_flattened()).for_each(|(to, &x)| each(to, x));
            }
        }
    }

    /// What `f` folds each row to, in all lanes that the row lies in.
    #[inline(always)]
    pub fn fold<T: Real>(self, bundle: &[Lanes<T>], from: T, f: impl Fn(T, T) -> T) -> Lanes<T> {
        let mut lanes = [from; LANES];
        for vector in bundle {
            for i in 0..LANES {
                lanes[i] = f(lanes[i], vector[i]);
            }
        }
        match self {
            Self::Beside => lanes,
            Self::Across => [lanes.into_iter().fold(from, f); LANES],
        }
    }
}

/// `e^l`, less a common factor, in the place of each log-weight `l`; and the logarithm of that factor for each row,
/// its largest entry.
#[inline(always)]
pub(crate) fn exponentials<T: Real>(bundle: &mut [Lanes<T>], layout: Layout) -> Lanes<T> {
    let largest = layout.fold(bundle, T::NEG_INFINITY, |m, l| if l > m { l } else { m });
    for vector in bundle {
        for i in 0..LANES {
            vector[i] = (vector[i] - largest[i]).exp();
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_fold_the_same_rows() {
        let k = 21;
        let data: Vec<f64> = (0..3 * k).map(|i| f64::from((i * 37 % 101) as u32) / 25.0).collect();
        let starts = [0, k, 2 * k];
        let exact = |start: usize| {
            let row = &data[start..start + k];
            let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exps: Vec<f64> = row.iter().map(|l| (l - max).exp()).collect();
            (max, exps.iter().sum::<f64>(), exps)
        };
        for layout in [Layout::Beside, Layout::Across] {
            let mut bundle = layout.bundle(k);
            for (group, starts) in starts.chunks(layout.rows()).enumerate() {
                layout.load(&mut bundle, &data, starts, k, f64::NEG_INFINITY);
                let largest = exponentials(&mut bundle, layout);
                let sums = layout.fold(&bundle, 0.0, |sum, e| sum + e);
                for row in 0..starts.len() {
                    let (max, sum, exps) = exact(starts[row]);
                    let at = format!("{layout:?}, row {row} of group {group}");
                    assert_eq!(largest[row], max, "{at}");
                    assert!((sums[row] - sum).abs() < 1e-14 * sum, "{at}");
                    let mut out = vec![0.0; k];
                    layout.unload(&bundle, row, &mut out, |to, x| *to = x);
                    let same = out.iter().zip(&exps).all(|(a, b)| (a - b).abs() < 1e-15);
                    assert!(same, "{at}: {out:?} {exps:?}");
                }
            }
        }
    }

    #[test]
    fn many_short_rows_lie_side_by_side() {
        let cases = [(100_000, 10), (8, 200), (1, 2), (1, 100), (100, 1000), (0, 5)];
        let layouts = cases.map(|(rows, k)| Layout::of(rows, k));
        use Layout::{Across, Beside};
        assert_eq!(layouts, [Beside, Across, Beside, Across, Across, Beside]);
    }
}
