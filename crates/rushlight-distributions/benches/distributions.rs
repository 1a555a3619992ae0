//! Densities and draws by the element, one thread and two.
//!
//! ```sh
//! cargo bench -p rushlight-distributions              # all
//! cargo bench -p rushlight-distributions -- Gamma     # one family
//! ```
//!
//! The work is that of `dists.py` among the peers' scripts: 10^6 elements of `f32` (10^5 rows of ten for Categorical and
//! Dirichlet) with a parameter an element, `log_prob_sum` and its gradients for all parameters, draws, and draws with
//! their gradients. Numbers are nanoseconds an element or row, medians of single calls; `best` is the shortest call,
//! which is what to read on a busy machine. The last columns are for two threads, and for small inputs.

use candle_core::{DType, Device, Tensor, Var};
use rayon::ThreadPool;
use rushlight_distributions::{
    Bernoulli, Beta, Categorical, Dirichlet, Distribution, Gamma, Normal, Poisson, Result, Rng,
    Weight, runtime,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

type Shared = Box<dyn Distribution>;

/// A family as it is timed.
struct Family {
    name: &'static str,
    /// The entries of a row; 1 where an element is an outcome.
    row: usize,
    /// Where each parameter lies.
    params: &'static [Range],
    of: fn(&[Tensor]) -> Result<Shared>,
    /// The nanoseconds asked for: log-density with gradients, a draw, a draw with gradients.
    targets: [Option<f64>; 3],
}

#[derive(Clone, Copy)]
enum Range {
    Uniform(f64, f64),
    Normal,
}

use Range::Uniform;

const FAMILIES: [Family; 7] = [
    Family {
        name: "Normal",
        row: 1,
        params: &[Range::Normal, Uniform(0.5, 2.0)],
        of: |p| Ok(Box::new(Normal::new(&p[0], &p[1])?)),
        targets: [Some(1.2), Some(2.5), Some(3.0)],
    },
    Family {
        name: "Bernoulli",
        row: 1,
        params: &[Range::Normal],
        of: |p| Ok(Box::new(Bernoulli::from_logits(&p[0])?)),
        targets: [Some(1.2), Some(1.5), None],
    },
    Family {
        name: "Gamma",
        row: 1,
        params: &[Uniform(0.5, 5.0), Uniform(0.5, 2.0)],
        of: |p| Ok(Box::new(Gamma::new(&p[0], &p[1])?)),
        targets: [Some(12.0), Some(15.0), Some(30.0)],
    },
    Family {
        name: "Beta",
        row: 1,
        params: &[Uniform(0.5, 5.0), Uniform(0.5, 5.0)],
        of: |p| Ok(Box::new(Beta::new(&p[0], &p[1])?)),
        targets: [Some(30.0), Some(30.0), Some(60.0)],
    },
    Family {
        name: "Poisson",
        row: 1,
        params: &[Uniform(1.0, 20.0)],
        of: |p| Ok(Box::new(Poisson::new(&p[0])?)),
        targets: [Some(6.0), Some(25.0), None],
    },
    Family {
        name: "Categorical",
        row: 10,
        params: &[Range::Normal],
        of: |p| Ok(Box::new(Categorical::from_logits(&p[0])?)),
        targets: [Some(25.0), Some(60.0), None],
    },
    Family {
        name: "Dirichlet",
        row: 10,
        params: &[Uniform(0.5, 5.0)],
        of: |p| Ok(Box::new(Dirichlet::new(&p[0])?)),
        targets: [Some(100.0), Some(150.0), Some(400.0)],
    },
];

impl Family {
    /// Parameters of `outcomes` outcomes, and values for them.
    fn inputs(&self, outcomes: usize) -> Result<(Vec<Tensor>, Tensor)> {
        let shape = if self.row == 1 { vec![outcomes] } else { vec![outcomes, self.row] };
        let mut rng = Rng::seed(0);
        let mut params = Vec::new();
        for range in self.params {
            let t = match *range {
                Uniform(low, high) => {
                    rng.uniform(&shape, DType::F32, &Device::Cpu)?.affine(high - low, low)?
                }
                Range::Normal => rng.normal(&shape, DType::F32, &Device::Cpu)?,
            };
            params.push(Var::from_tensor(&t)?.as_tensor().clone());
        }
        let value = (self.of)(&params)?.sample(&mut rng, &[])?;
        Ok((params, value))
    }

    /// The nanoseconds an outcome of each kind of work: medians and the shortest.
    fn time(&self, outcomes: usize, budget: Duration) -> Result<[Option<[f64; 2]>; 3]> {
        let (params, value) = self.inputs(outcomes)?;
        let constants: Vec<Tensor> = params.iter().map(Tensor::detach).collect();
        let density = || {
            let log_prob = (self.of)(&params)?.log_prob_sum(&value, Weight::default())?;
            black_box(log_prob.backward()?);
            Ok(())
        };
        let mut rng = Rng::seed(1);
        let mut other = rng.clone();
        let drawn = (self.of)(&constants)?;
        let draw = || {
            black_box(drawn.sample(&mut rng, &[])?);
            Ok(())
        };
        let moved = || {
            let draw = (self.of)(&params)?.rsample(&mut other, &[])?;
            black_box(draw.sum_all()?.backward()?);
            Ok(())
        };
        let per =
            |[median, best]: [f64; 2]| Some([median, best].map(|s| s * 1e9 / outcomes as f64));
        Ok([
            per(time(budget, density)?),
            per(time(budget, draw)?),
            if drawn.has_rsample() { per(time(budget, moved)?) } else { None },
        ])
    }
}

/// The median and the shortest time of a call, in seconds.
fn time(budget: Duration, mut call: impl FnMut() -> Result<()>) -> Result<[f64; 2]> {
    (0..3).try_for_each(|_| call())?;
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < budget || times.len() < 5 {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok([times[times.len() / 2], times[0]])
}

fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("two threads at most")
}

const WORK: [&str; 3] = ["log_prob + gradient", "draw", "draw + gradient"];

fn main() -> Result<()> {
    println!("{}", runtime::init());
    let filter: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|f| name.contains(f.as_str()));
    let (one, two) = (pool(1), pool(2));
    println!("\nns an element (row of 10 for Categorical, Dirichlet), f32");
    println!(
        "{:<12} {:<20} {:>8} {:>8} {:>8}   {:>14} {:>14} {:>16}",
        "", "", "asked", "10^6", "best", "2 threads, of 1", "10^3, of 1", "us a call of 10"
    );
    let budget = Duration::from_millis(600);
    for family in FAMILIES.iter().filter(|f| wanted(f.name)) {
        let many = 1_000_000 / family.row;
        let large = one.install(|| family.time(many, budget))?;
        let large_two = two.install(|| family.time(many, budget))?;
        let small = one.install(|| family.time(1_000 / family.row, budget / 4))?;
        let small_two = two.install(|| family.time(1_000 / family.row, budget / 4))?;
        let ten = one.install(|| family.time(10, budget / 4))?;
        for (k, work) in WORK.iter().enumerate() {
            let (Some(large), Some(large_two)) = (large[k], large_two[k]) else { continue };
            let (Some(small), Some(small_two)) = (small[k], small_two[k]) else { continue };
            let asked = family.targets[k].map_or(String::new(), |t| format!("{t}"));
            println!(
                "{:<12} {work:<20} {asked:>8} {:>8.2} {:>8.2}   {:>14.2} {:>14.2} {:>16.2}",
                family.name,
                large[0],
                large[1],
                large[1] / large_two[1],
                small[1] / small_two[1],
                ten[k].map_or(f64::NAN, |t| t[0] * 10.0 / 1000.0),
            );
        }
    }
    Ok(())
}
