//! Matrices of numbers on the host, row by row, in `f64`.

use candle_core::WithDType;

/// Where a matrix stops being positive definite: the row, and what is left of its diagonal entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pivot {
    pub(crate) row: usize,
    pub(crate) value: f64,
}

/// Lanes of an inner product, which the compiler may keep in vector registers.
const LANES: usize = 8;

#[inline(always)]
pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: f64 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
    let mut sums = [0.0; LANES];
    for (x, y) in xs.zip(ys) {
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Overwrites the symmetric `a`, of which the lower triangle is read, with its Cholesky factor: 0 above the diagonal.
pub(crate) fn factor(a: &mut [f64], n: usize) -> Result<(), Pivot> {
    for i in 0..n {
        let (above, row) = a.split_at_mut(i * n);
        let row = &mut row[..n];
        for j in 0..i {
            let other = &above[j * n..][..n];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let value = row[i] - dot(&row[..i], &row[..i]);
        // NaN is not positive.
        if !(value > 0.0 && value < f64::INFINITY) {
            return Err(Pivot { row: i, value });
        }
        row[i] = value.sqrt();
        row[i + 1..].fill(0.0);
    }
    Ok(())
}

/// Solves `L X = B` in place; `x` has `k` columns.
#[inline(always)]
pub(crate) fn solve_lower(l: &[f64], n: usize, x: &mut [f64], k: usize) {
    for i in 0..n {
        let (of_row, diagonal) = (&l[i * n..][..i], l[i * n + i]);
        let (done, rest) = x.split_at_mut(i * k);
        if k == 1 {
            rest[0] = (rest[0] - dot(of_row, done)) / diagonal;
            continue;
        }
        let row = &mut rest[..k];
        for (&l, done) in of_row.iter().zip(done.chunks_exact(k)) {
            row.iter_mut().zip(done).for_each(|(x, done)| *x -= l * done);
        }
        row.iter_mut().for_each(|x| *x /= diagonal);
    }
}

/// Solves `Lᵀ X = B` in place; `x` has `k` columns.
#[inline(always)]
pub(crate) fn solve_lower_transposed(l: &[f64], n: usize, x: &mut [f64], k: usize) {
    for i in (0..n).rev() {
        let (of_row, diagonal) = (&l[i * n..][..i], l[i * n + i]);
        let (before, rest) = x.split_at_mut(i * k);
        let row = &mut rest[..k];
        row.iter_mut().for_each(|x| *x /= diagonal);
        for (&l, before) in of_row.iter().zip(before.chunks_exact_mut(k)) {
            before.iter_mut().zip(&*row).for_each(|(x, row)| *x -= l * row);
        }
    }
}

pub(crate) fn transpose(a: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..i {
            a.swap(i * n + j, j * n + i);
        }
    }
}

pub(crate) fn read<T: WithDType>(from: &[T], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_f64());
}

pub(crate) fn write<T: WithDType>(from: &[f64], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = T::from_f64(*from));
}
