//! Standard gamma draws, by the block.
//!
//! G. Marsaglia and W. W. Tsang (2000), "A simple method for generating gamma variables": with `d = a − 1/3`,
//! `c = 1/√(9d)` and a normal `x`, `d (1 + cx)³` is a draw with concentration `a >= 1` if
//! `ln u < x²/2 + d − d v + d ln v`, `v = (1 + cx)³`, which 95 of 100 and more are. A draw with a concentration
//! below 1 is one with `a + 1` times `u^(1/a)` (their section 6).
//!
//! A block is tried at once; what is rejected is tried again one by one.

use super::block::{BLOCK, Block, Drawn};
use super::elementwise::largest;
use pulp::{Arch, Simd, WithSimd};
use rand::RngCore;

/// Standard gamma draws of a block: `value e^boost`.
pub(super) struct Gammas<T> {
    pub value: Block<T>,
    /// 0 for concentrations from 1 on.
    pub boost: Block<T>,
}

impl<T: Drawn> Gammas<T> {
    pub fn new() -> Self {
        Self { value: [T::ONE; BLOCK], boost: [T::ZERO; BLOCK] }
    }

    /// The first `n` draws, with concentrations `a`.
    pub fn draw(&mut self, g: &mut impl RngCore, a: &Block<T>, n: usize) {
        let (mut x, mut u, mut b) = ([T::ZERO; BLOCK], [T::HALF; BLOCK], [T::ONE; BLOCK]);
        x[..n].iter_mut().for_each(|x| *x = T::normal(g));
        u[..n].iter_mut().for_each(|u| *u = T::uniform(g));
        if a[..n].iter().any(|&a| a < T::ONE) {
            b[..n].iter_mut().for_each(|b| *b = T::uniform(g));
        }
        let (value, boost) = (&mut self.value, &mut self.boost);
        Arch::new().dispatch(Try { a, x: &x, u: &mut u, b: &b, value, boost });
        for i in 0..n {
            // Rejected.
            while u[i] == T::ZERO {
                let (value, accepted) = attempt(a[i], T::normal(g), T::uniform(g));
                self.value[i] = value;
                u[i] = if accepted { T::ONE } else { T::ZERO };
            }
        }
    }
}

/// A draw from a normal `x` and a uniform `u`, and whether it is accepted.
#[inline(always)]
fn attempt<T: Drawn>(a: T, x: T, u: T) -> (T, bool) {
    let [one, three] = [1.0, 3.0].map(T::from_f64);
    let raised = if a < one { a + one } else { a };
    let d = raised - T::from_f64(1.0 / 3.0);
    let t: T = x / (three * d.sqrt());
    let v = (one + t) * (one + t) * (one + t);
    // `x²/2 + d (1 − v + ln v)` is `d r(t)`; of small `t` only a series has any digits left.
    let coefficients: [T; 8] =
        [-1. / 4., 1. / 5., -1. / 6., 1. / 7., -1. / 8., 1. / 9., -1. / 10., 1. / 11.]
            .map(T::from_f64);
    let series = coefficients.iter().rev().fold(T::ZERO, |sum, &c| sum * t + c);
    let small = three * t * t * t * t * series;
    let half: T = T::from_f64(1.5);
    let large = three * t.ln_1p() - t * (three - half * t + t * t);
    let r = if t.abs() < T::from_f64(0.125) { small } else { large };
    // Comparisons with NaN are false; a concentration that is none gives NaN, which is accepted.
    let rejected = (t <= -one) | (u.ln() >= d * r);
    (d * v, !rejected)
}

struct Try<'a, T> {
    a: &'a Block<T>,
    x: &'a Block<T>,
    /// 1 where accepted, 0 elsewhere.
    u: &'a mut Block<T>,
    b: &'a Block<T>,
    value: &'a mut Block<T>,
    boost: &'a mut Block<T>,
}

impl<T: Drawn> WithSimd for Try<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { a, x, u, b, value, boost } = self;
        let lowest = lowest::<T>();
        for i in 0..BLOCK {
            let (v, accepted) = attempt(a[i], x[i], u[i]);
            value[i] = v;
            u[i] = if accepted { T::ONE } else { T::ZERO };
            let ln = (b[i].ln() / a[i]).max(lowest);
            boost[i] = if a[i] < T::ONE { ln } else { T::ZERO };
        }
    }
}

/// A finite number below all others, which stands for the logarithms that overflow.
fn lowest<T: Drawn>() -> T {
    T::from_f64(-0.25 * largest(T::DTYPE))
}
