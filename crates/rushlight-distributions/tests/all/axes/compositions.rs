//! The promise itself, by brute force: in random programs, what changes when one element of a site's value
//! changes lies at that element's index of every axis that is still the site's own.

use crate::support::{flat, tensor};
use candle_core::{DType, Result};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use rushlight_distributions::{Ledger, Operand, Origins, Traced};
use std::cell::Cell;
use std::sync::Arc;

/// Values of the sites: two of floats, `[3, 2]` and `[3, 1]`, and two indices, `[3]` and `[2, 2]`, into axes of
/// at least two entries.
#[derive(Clone)]
struct Values(Vec<(Vec<f64>, &'static [usize])>);

/// From here on a site is an index.
const INDICES: usize = 2;

fn values() -> Values {
    Values(vec![
        (vec![0.3, -1.2, 0.8, 1.7, -0.4, 0.6], &[3, 2]),
        (vec![0.9, -0.7, 0.5], &[3, 1]),
        (vec![1.0, 0.0, 1.0], &[3]),
        (vec![0.0, 1.0, 1.0, 0.0], &[2, 2]),
    ])
}

impl Values {
    /// With one element changed: an index to the other one.
    fn with_change(&self, site: usize, element: usize) -> Self {
        let mut changed = self.clone();
        let x = &mut changed.0[site].0[element];
        *x = if site >= INDICES { 1.0 - *x } else { 1.37 - 0.9 * *x };
        changed
    }

    fn sites(&self) -> Vec<Traced> {
        let ledger = Arc::new(Ledger::default());
        let site = |(i, (values, shape)): (usize, &(Vec<f64>, &[usize]))| {
            let dtype = if i >= INDICES { DType::U32 } else { DType::F64 };
            let site = ledger.register(&format!("{i}").into());
            let origins = Origins::with_axes(site, &ledger, shape.len());
            Traced::new(tensor(values, shape, dtype), origins)
        };
        self.0.iter().enumerate().map(site).collect()
    }
}

/// One operation: which, of which values so far, and along which dims.
#[derive(Debug, Clone)]
struct Step {
    operation: usize,
    of: [usize; 3],
    dims: [usize; 2],
}

const OPERATIONS: usize = 44;

fn step() -> impl Strategy<Value = Step> {
    let of = proptest::array::uniform3(0..1000usize);
    let dims = proptest::array::uniform2(0..1000usize);
    (0..OPERATIONS, of, dims).prop_map(|(operation, of, dims)| Step { operation, of, dims })
}

fn pick(pool: &[Traced], n: usize, fits: impl Fn(&Traced) -> bool) -> Option<&Traced> {
    let fitting: Vec<&Traced> = pool.iter().filter(|t| fits(t)).collect();
    (!fitting.is_empty()).then(|| fitting[n % fitting.len()])
}

fn fit(a: &[usize], b: &[usize]) -> bool {
    a.iter().rev().zip(b.iter().rev()).all(|(a, b)| a == b || *a == 1 || *b == 1)
}

fn multiply(a: &[usize], b: &[usize]) -> bool {
    let ([batch_a @ .., _, inner_a], [batch_b @ .., inner_b, _]) = (a, b) else { return false };
    inner_a == inner_b && fit(batch_a, batch_b)
}

/// What the step makes of the values so far; `None` where it does not apply. It goes by shapes and dtypes alone,
/// so that it does the same whatever the values are.
fn apply(pool: &[Traced], step: &Step) -> Option<Result<Traced>> {
    let float = |t: &Traced| t.dtype() == DType::F64;
    let [first, second, third] = step.of;
    let any = pick(pool, first, |_| true)?;
    let x = pick(pool, first, float)?;
    let y = pick(pool, second, |y| float(y) && fit(x.dims(), y.dims()))?;
    let k = pick(pool, third, |t| t.dtype() == DType::U32)?;
    let dim = |t: &Traced, i: usize| (t.rank() > 0).then(|| step.dims[i] % t.rank());
    let entry = |d: usize| step.dims[1] % x.dims()[d];
    // The indices are 0 and 1.
    let looked_up = || dim(x, 0).filter(|&d| x.dims()[d] > 1);
    Some(match step.operation {
        0 => x.sin(),
        1 => x.affine(-0.7, 0.2),
        2 => x.sigmoid(),
        3 => x.tanh(),
        4 => x.abs(),
        5 => any.contiguous(),
        6 => x + y,
        7 => x - y,
        8 => x * y,
        9 => x.maximum(y),
        10 => x.minimum(y),
        11 => x.clamp(-0.5, y),
        12 => x.gt(y),
        13 => x.le(0.4),
        14 => {
            let fits = |t: &Traced| fit(t.dims(), x.dims()) && fit(t.dims(), y.dims());
            let chooses = |t: &Traced| t.dtype() == DType::U8 && fits(t);
            Traced::where_cond(pick(pool, third, chooses)?, x, y)
        }
        15 => pick(pool, first, |t| t.dtype() == DType::U8)?.to_dtype(DType::U32),
        16 => pick(pool, first, |t| !float(t))?.to_dtype(DType::F64),
        17 => x.sum(dim(x, 0)?),
        18 => x.mean_keepdim(dim(x, 0)?),
        19 => x.max(dim(x, 0)?),
        20 => x.min_keepdim(dim(x, 0)?),
        21 => x.log_sum_exp(dim(x, 0)?),
        22 => x.softmax(dim(x, 0)?),
        23 => x.log_softmax(dim(x, 0)?),
        24 => x.cumsum(dim(x, 0)?),
        25 => any.t().ok().map(Ok)?,
        26 => any.transpose(dim(any, 0)?, dim(any, 1)?),
        27 => {
            let mut order: Vec<usize> = (0..any.rank()).collect();
            order.rotate_left(dim(any, 0)?);
            any.permute(order)
        }
        28 => any.unsqueeze(step.dims[0] % (any.rank() + 1)),
        29 => any.squeeze(dim(any, 0)?),
        30 => any.flip(&[dim(any, 0)?]),
        31 => any.reshape(any.dims().iter().rev().copied().collect::<Vec<_>>()),
        32 => any.broadcast_as([&[2], any.dims()].concat()),
        33 => {
            let wide = any.dims().iter().map(|&n| if n == 1 { 3 } else { n }).collect::<Vec<_>>();
            Operand::from(any).expanded("test", &wide).unwrap().tensor().map_err(|_| unreachable!())
        }
        34 => any.narrow(dim(any, 0)?, 0, 1),
        35 => x.narrow(dim(x, 0)?, entry(dim(x, 0)?), 1),
        36 => x.get(if x.rank() > 0 { entry(0) } else { 0 }),
        37 => x.index_select(k, looked_up()?),
        38 => k.select_from(x, looked_up()?),
        39 => {
            let d = looked_up()?;
            let shorter = |k: &[usize]| (0..k.len()).all(|i| i == d || k[i] <= x.dims()[i]);
            let chooses =
                |t: &Traced| t.dtype() == DType::U32 && t.rank() == x.rank() && shorter(t.dims());
            x.gather(pick(pool, third, chooses)?, d)
        }
        40 => x.matmul(pick(pool, second, |y| float(y) && multiply(x.dims(), y.dims()))?),
        41 => {
            // Outer products of the last axes, the others batches.
            let batch = |t: &Traced| t.dims().split_last().map(|(_, batch)| batch.to_vec());
            let of_x = batch(x)?;
            let fits = |t: &Traced| float(t) && batch(t).is_some_and(|b| fit(&b, &of_x));
            let y = pick(pool, second, fits)?;
            let row = y.unsqueeze(y.rank() - 1).unwrap();
            x.unsqueeze(x.rank()).unwrap().matmul(row)
        }
        42 => Traced::cat(&[x.clone(), y.broadcast_as(x.dims()).ok()?], dim(x, 0)?),
        _ => Traced::stack(&[x.clone(), y.broadcast_as(x.dims()).ok()?], dim(x, 0)?),
    })
}

/// All values of the program: those of the sites, and one for each step that applies.
fn run(values: &Values, steps: &[Step]) -> Vec<Traced> {
    let mut pool = values.sites();
    for step in steps {
        if let Some(made) = apply(&pool, step) {
            let made = made.unwrap_or_else(|e| panic!("{step:?}: {e}"));
            if made.rank() <= 5 && made.elem_count() <= 200 {
                pool.push(made);
            }
        }
    }
    pool
}

/// The index of element `i` along an axis counted from the right.
fn index(i: usize, dims: &[usize], axis: usize) -> usize {
    let inner: usize = dims[dims.len() - axis + 1..].iter().product();
    i / inner % dims[dims.len() - axis]
}

/// The elements that differ.
fn changed(a: &Traced, b: &Traced) -> Vec<usize> {
    let bits = |t: &Traced| flat(t).into_iter().map(f64::to_bits).collect::<Vec<_>>();
    let (a, b) = (bits(a), bits(b));
    (0..a.len()).filter(|&i| a[i] != b[i]).collect()
}

#[test]
fn an_element_of_a_site_reaches_its_own_index_only() {
    let config = ProptestConfig {
        cases: 3000,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (kept, seen) = (Cell::new(0), Cell::new(0));
    let check = |steps: Vec<Step>| {
        let before = run(&values(), &steps);
        for (site, (of, shape)) in values().0.into_iter().enumerate() {
            for element in 0..of.len() {
                let after = run(&values().with_change(site, element), &steps);
                for (a, b) in before.iter().zip(&after).skip(INDICES + 2) {
                    let changed = changed(a, b);
                    for (of_site, at) in a.origins().axes(site) {
                        let (r, dims) = (index(element, shape, of_site), a.dims());
                        prop_assert_eq!(dims[dims.len() - at], shape[shape.len() - of_site]);
                        for &i in &changed {
                            let got = index(i, dims, at);
                            prop_assert_eq!(got, r, "{:?}, site {}: {}@{}", a, site, of_site, at);
                        }
                        kept.set(kept.get() + 1);
                        seen.set(seen.get() + usize::from(!changed.is_empty()));
                    }
                }
            }
        }
        Ok(())
    };
    let steps = proptest::collection::vec(step(), 1..20);
    TestRunner::new(config).run(&steps, check).unwrap();
    // Of the axes that were kept, most were put to the test.
    assert!(kept.get() > 50_000 && 2 * seen.get() > kept.get(), "{} of {}", seen.get(), kept.get());
}
