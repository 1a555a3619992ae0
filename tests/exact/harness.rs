//! A row, and how the mean of its gradients is compared with the exact one.
//!
//! The gradients of a fit are drawn n times and their mean and variance taken as they come
//! (Welford). With `z = (mean - exact) / sqrt(variance / n)` every component has to have `|z| < 4`;
//! where a component has no variance it has to be equal, to 1e-9. A row with up to 500 components
//! gives a false alarm at this level about once in 30 runs, so a failing row is run once more at
//! ten times n, and that verdict stands. Seeds are the indices of the cases in the table, so the
//! verdicts are always the same.
//!
//! Gradients of successive steps are not independent where a baseline remembers, but each is
//! unbiased given the ones before: their errors are a martingale, for which the same limit theorem
//! holds.

use crate::baselines::Baselines;
use crate::numbers::{Theta, gradient};
use candle_core::{DType, Tensor};
use rushlight::{
    Ctx, Error, Estimator, LeaveOneOut, MeanFieldElbo, Result, Svi, TraceElbo, TraceGraphElbo,
};

/// Largest |z| that passes.
pub const LIMIT: f64 = 4.0;
/// How near a component without variance, or one that is exact up to rounding, has to be.
pub const EQUAL: f64 = 1e-9;

/// One program with its exact loss.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    /// The data that both programs see.
    pub data: fn() -> Result<Tensor>,
    pub model: fn(&mut Ctx, &Tensor) -> Result<()>,
    /// Its score-function sites take the baselines of the case.
    pub guide: fn(&mut Ctx, &Tensor, Baselines) -> Result<()>,
    /// -ELBO, at unconstrained parameters.
    pub loss: fn(&Theta) -> f64,
    /// How many gradients one mean is of.
    pub n: usize,
}

/// The estimators of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Elbo,
    Graph,
    /// Three particles.
    Elbo3,
    Graph3,
    MeanField,
    MeanField3,
    LeaveOneOut3,
}

impl Kind {
    pub fn estimator(self) -> Box<dyn Estimator> {
        match self {
            Self::Elbo => Box::new(TraceElbo::new()),
            Self::Graph => Box::new(TraceGraphElbo::new()),
            Self::Elbo3 => Box::new(TraceElbo::new().with_particles(3)),
            Self::Graph3 => Box::new(TraceGraphElbo::new().with_particles(3)),
            Self::MeanField => Box::new(MeanFieldElbo::new()),
            Self::MeanField3 => Box::new(MeanFieldElbo::new().with_particles(3)),
            Self::LeaveOneOut3 => Box::new(LeaveOneOut::new(3)),
        }
    }
}

pub type Fit<G> = Svi<Tensor, fn(&mut Ctx, &Tensor) -> Result<()>, G>;

/// The fit of a row.
pub fn fit(
    row: Row,
    estimator: impl Estimator + 'static,
    baselines: Baselines,
    seed: u64,
) -> Fit<impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync> {
    let guide = move |ctx: &mut Ctx, x: &Tensor| (row.guide)(ctx, x, baselines);
    Svi::from_programs(row.model, guide).estimator(estimator).dtype(DType::F64).seed(seed)
}

/// Means and variances as they come.
#[derive(Debug, Default)]
pub struct Moments {
    pub n: usize,
    pub mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    pub fn add(&mut self, xs: &[f64]) {
        if self.n == 0 {
            self.mean = vec![0.0; xs.len()];
            self.squares = vec![0.0; xs.len()];
        }
        assert_eq!(
            xs.len(),
            self.mean.len(),
            "a parameter appeared late: declare all of them first"
        );
        self.n += 1;
        for ((mean, squares), x) in self.mean.iter_mut().zip(&mut self.squares).zip(xs) {
            let off = x - *mean;
            *mean += off / self.n as f64;
            *squares += off * (x - *mean);
        }
    }

    pub fn variance(&self) -> Vec<f64> {
        self.squares.iter().map(|s| s / (self.n as f64 - 1.0)).collect()
    }

    /// The z of every component, 0 where it is equal.
    pub fn z(&self, exact: &[f64]) -> Vec<f64> {
        assert_eq!(exact.len(), self.mean.len());
        let each = self.mean.iter().zip(self.variance()).zip(exact);
        each.map(|((mean, variance), exact)| {
            let off = mean - exact;
            match off.abs() <= EQUAL * (1.0 + exact.abs()) {
                true => 0.0,
                false => off / (variance / self.n as f64).sqrt(),
            }
        })
        .collect()
    }
}

/// The gradient of model and guide, in order of creation; baselines' networks are left out.
pub fn flat(gradients: &[(std::sync::Arc<str>, Tensor)]) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for (_, g) in gradients.iter().filter(|(name, _)| !name.starts_with("baseline")) {
        all.extend(g.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}

/// The unconstrained parameters of model and guide.
pub fn theta(params: &rushlight::ParamStore) -> Result<Theta> {
    let mut theta = Theta::default();
    for (name, var) in params.vars().iter().filter(|(name, _)| !name.starts_with("baseline")) {
        theta.push(name, var.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(theta)
}

/// What came of one case.
#[derive(Debug)]
pub struct Outcome {
    pub exact: Vec<f64>,
    pub moments: Moments,
    pub z: Vec<f64>,
}

impl Outcome {
    pub fn worst(&self) -> f64 {
        self.z.iter().fold(0.0, |worst, z| worst.max(z.abs()))
    }
}

/// `n` gradients of a case.
pub fn measure(
    row: Row,
    estimator: impl Estimator + 'static,
    baselines: Baselines,
    seed: u64,
    n: usize,
) -> Result<Outcome> {
    let data = (row.data)()?;
    let mut svi = fit(row, estimator, baselines, seed);
    let mut moments = Moments::default();
    for _ in 0..n {
        moments.add(&flat(&svi.gradients(&data)?)?);
    }
    let exact = gradient(row.loss, &theta(svi.params())?);
    let z = moments.z(&exact);
    Ok(Outcome { exact, moments, z })
}

/// A case passes, at n or, that failing, at ten times n.
pub fn check(row: Row, kind: Kind, baselines: Baselines, seed: u64) {
    let particles = kind.estimator().particles();
    let run = |n| match measure(row, kind.estimator(), baselines, seed, n) {
        Ok(outcome) => outcome,
        Err(e) => panic!("{} {kind:?} {baselines:?}: {e}", row.name),
    };
    let n = row.n / particles;
    if run(n).worst() < LIMIT {
        return;
    }
    let again = run(10 * n);
    assert!(
        again.worst() < LIMIT,
        "{} {kind:?} {baselines:?}, seed {seed}, n = {}:\nmean {:?}\nexact {:?}\nz {:?}",
        row.name,
        10 * n,
        again.moments.mean,
        again.exact,
        again.z
    );
}

/// The mean of the loss passes by the same rule.
pub fn check_loss(row: Row, kind: Kind, seed: u64) {
    let run = |n: usize| -> Result<(f64, f64, f64), Error> {
        let data = (row.data)()?;
        let mut svi = fit(row, kind.estimator(), Baselines::None, seed);
        let mut losses = Moments::default();
        for _ in 0..n {
            losses.add(&[svi.evaluate_loss(&data)?]);
        }
        let exact = (row.loss)(&theta(svi.params())?);
        Ok((losses.mean[0], exact, losses.z(&[exact])[0]))
    };
    let n = row.n / kind.estimator().particles();
    let (.., z) = run(n).unwrap();
    if z.abs() >= LIMIT {
        let (mean, exact, z) = run(10 * n).unwrap();
        assert!(z.abs() < LIMIT, "{} {kind:?}: loss {mean}, exactly {exact}, z {z}", row.name);
    }
}
