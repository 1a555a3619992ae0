//! Jacobians by differences of five points, and their determinants: what volumes are compared with.

use crate::support::flat;
use candle_core::{Device, Tensor};

/// `∂f_i/∂x_j` in rows, of any map of a vector; right to about 1e-10 where `f` is smooth and of moderate size.
pub fn jacobian(f: &dyn Fn(&Tensor) -> Tensor, x: &[f64]) -> Vec<Vec<f64>> {
    const STEP: f64 = 1e-3;
    let at = |j: usize, steps: f64| {
        let mut moved = x.to_vec();
        moved[j] += steps * STEP;
        flat(&f(&Tensor::new(moved, &Device::Cpu).unwrap()))
    };
    let columns: Vec<Vec<f64>> = (0..x.len())
        .map(|j| {
            let near = at(j, 1.0).into_iter().zip(at(j, -1.0)).map(|(a, b)| a - b);
            let far = at(j, 2.0).into_iter().zip(at(j, -2.0)).map(|(a, b)| a - b);
            near.zip(far).map(|(near, far)| (8.0 * near - far) / (12.0 * STEP)).collect()
        })
        .collect();
    (0..columns[0].len()).map(|i| columns.iter().map(|column| column[i]).collect()).collect()
}

/// `ln |det a|`, by elimination with pivots.
pub fn log_abs_det(mut a: Vec<Vec<f64>>) -> f64 {
    let n = a.len();
    let mut log = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
        a.swap(k, pivot);
        log += a[k][k].abs().ln();
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            for j in k..n {
                a[i][j] -= factor * a[k][j];
            }
        }
    }
    log
}

/// `ln √det(aᵀ a)`: how a map into a space of more dims stretches.
pub fn log_area(a: &[Vec<f64>]) -> f64 {
    let n = a[0].len();
    let product = |i, j| a.iter().map(|row: &Vec<f64>| row[i] * row[j]).sum();
    log_abs_det((0..n).map(|i| (0..n).map(|j| product(i, j)).collect()).collect()) / 2.0
}
