//! What holds for every distribution: one table, one line a distribution, all laws.
//!
//! Every law runs over [`table`]; to add a distribution, add its line.

mod gradients;
mod origins;
mod shapes;
mod values;

use crate::support::{Shared, shared, spread, tensor, variable};
use candle_core::{DType, Tensor};
use rushlight_distributions::{
    Bernoulli, Beta, Categorical, DistributionExt, Normal, Operand, Result,
};
use rushlight_distributions::{Chi2, Dirichlet, Gamma, InverseGamma, StudentT};

/// The shape that parameters and values have in the laws, less the parameters' own event dims.
const SHAPE: [usize; 2] = [3, 4];

/// One distribution.
struct Law {
    name: &'static str,
    /// Makes it from its parameters.
    of: fn(&[Operand]) -> Result<Shared>,
    params: &'static [Param],
    values: Values,
    /// One made from plain numbers.
    of_numbers: fn() -> Result<Shared>,
}

/// A parameter: between which bounds to try it, and its event shape.
struct Param {
    range: (f64, f64),
    event: &'static [usize],
}

const REAL: Param = Param { range: (-1.5, 1.5), event: &[] };
const POSITIVE: Param = Param { range: (0.5, 2.0), event: &[] };
/// From 1 on, so that the density is bounded and a quadrature converges.
const SHAPE_OF_BETA: Param = Param { range: (1.0, 4.0), event: &[] };
/// From 2 on, for the same reason.
const DEGREES: Param = Param { range: (2.0, 6.0), event: &[] };
const UNIT: Param = Param { range: (0.05, 0.95), event: &[] };
const WEIGHTS: Param = Param { range: (0.2, 3.0), event: &[5] };
const LOGITS: Param = Param { range: (-2.0, 2.0), event: &[5] };

/// The values to try.
#[derive(Clone, Copy)]
enum Values {
    Between(f64, f64),
    /// 0 or 1, as floats.
    Binary,
    /// Of so many, as `u32`.
    Classes(u32),
    /// Positive rows with sum 1.
    Rows,
}
use Values::{Between, Binary, Classes, Rows};

fn law(
    name: &'static str,
    of: fn(&[Operand]) -> Result<Shared>,
    params: &'static [Param],
    values: Values,
    of_numbers: fn() -> Result<Shared>,
) -> Law {
    Law { name, of, params, values, of_numbers }
}

#[rustfmt::skip]
fn table() -> Vec<Law> {
    vec![
        law("Normal", |p| shared(Normal::new(&p[0], &p[1])?), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?)),
        law("Beta", |p| shared(Beta::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, SHAPE_OF_BETA], Between(0.05, 0.95), || shared(Beta::new(2, 3.5)?)),
        law("Bernoulli of probs", |p| shared(Bernoulli::new(&p[0])?), &[UNIT], Binary, || shared(Bernoulli::new(0.3)?)),
        law("Bernoulli of logits", |p| shared(Bernoulli::from_logits(&p[0])?), &[REAL], Binary, || shared(Bernoulli::from_logits(-1)?)),
        law("Categorical of probs", |p| shared(Categorical::new(&p[0])?), &[WEIGHTS], Classes(5), || shared(Categorical::new([2.0, 1.0, 0.5])?)),
        law("Categorical of logits", |p| shared(Categorical::from_logits(&p[0])?), &[LOGITS], Classes(5), || shared(Categorical::from_logits([0, 1, -1])?)),
        law("Normal, a row an event", |p| shared(Normal::new(&p[0], &p[1])?.to_event(1)), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?.to_event(0))),
        law("Bernoulli, a row an event", |p| shared(Bernoulli::new(&p[0])?.to_event(1)), &[UNIT], Binary, || shared(Bernoulli::new(0.3)?.to_event(0))),
        law("Categorical, a row an event", |p| shared(Categorical::new(&p[0])?.to_event(1)), &[WEIGHTS], Classes(5), || shared(Categorical::new([2, 1])?.to_event(0))),
        law("Normal without rsample", |p| shared(Normal::new(&p[0], &p[1])?.without_rsample()), &[REAL, POSITIVE], Between(-2.0, 2.0), || shared(Normal::new(0.5, 2)?.without_rsample())),
        law("Bernoulli without rsample", |p| shared(Bernoulli::from_logits(&p[0])?.without_rsample()), &[REAL], Binary, || shared(Bernoulli::from_logits(1)?.without_rsample())),

        law("Gamma", |p| shared(Gamma::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, POSITIVE], Between(0.1, 3.0), || shared(Gamma::new(2, 3.5)?)),
        law("Chi2", |p| shared(Chi2::new(&p[0])?), &[DEGREES], Between(0.1, 3.0), || shared(Chi2::new(3.5)?)),
        law("InverseGamma", |p| shared(InverseGamma::new(&p[0], &p[1])?), &[SHAPE_OF_BETA, POSITIVE], Between(0.3, 3.0), || shared(InverseGamma::new(2, 3.5)?)),
        law("StudentT", |p| shared(StudentT::new(&p[0], &p[1], &p[2])?), &[DEGREES, REAL, POSITIVE], Between(-2.0, 2.0), || shared(StudentT::new(3, 0.5, 2)?)),
        law("Dirichlet", |p| shared(Dirichlet::new(&p[0])?), &[SHAPE_OF_BETA], Rows, || shared(Dirichlet::new([1.5, 2.0, 3.5])?)),
    ]
}

impl Law {
    /// Variables of the full shape.
    fn params(&self, dtype: DType) -> Vec<Tensor> {
        self.params_of(&SHAPE, dtype)
    }

    fn params_of(&self, batch: &[usize], dtype: DType) -> Vec<Tensor> {
        let one = |(j, p): (usize, &Param)| {
            let shape = [batch, p.event].concat();
            let (low, high) = p.range;
            let numbers = spread(shape.iter().product(), j);
            let numbers: Vec<f64> = numbers.iter().map(|u| low + (high - low) * u).collect();
            variable(&tensor(&numbers, &shape, dtype))
        };
        self.params.iter().enumerate().map(one).collect()
    }

    #[track_caller]
    fn with(&self, params: &[Tensor]) -> Shared {
        self.make(&params.iter().map(Operand::from).collect::<Vec<_>>())
    }

    #[track_caller]
    fn make(&self, params: &[Operand]) -> Shared {
        (self.of)(params).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Values of the full shape; a variable where there is a gradient.
    fn value(&self, dtype: DType) -> Tensor {
        self.value_of(&SHAPE, dtype)
    }

    fn value_of(&self, shape: &[usize], dtype: DType) -> Tensor {
        let u = spread(shape.iter().product(), 7);
        let scaled = |f: &dyn Fn(f64) -> f64| u.iter().map(|&u| f(u)).collect::<Vec<_>>();
        match self.values {
            Between(low, high) => {
                variable(&tensor(&scaled(&|u| low + (high - low) * u), shape, dtype))
            }
            Binary => tensor(&scaled(&|u| (2.0 * u).floor()), shape, dtype),
            Rows => {
                let t = tensor(&scaled(&|u| 0.2 + u), shape, dtype);
                let sums = t.sum_keepdim(candle_core::D::Minus1).unwrap();
                variable(&t.broadcast_div(&sums).unwrap())
            }
            Classes(k) => tensor(&scaled(&|u| (f64::from(k) * u).floor()), shape, DType::U32),
        }
    }

    /// The parameters that gradients flow into, and the value where it is one.
    fn variables(&self, params: &[Tensor], value: &Tensor) -> Vec<Tensor> {
        let value = value.is_variable().then(|| value.clone());
        params.iter().cloned().chain(value).collect()
    }

    fn is_discrete(&self) -> bool {
        !matches!(self.values, Between(..) | Rows)
    }

    /// A value whose log-probability is NaN or -inf.
    fn outside(&self) -> f64 {
        if self.is_discrete() { 7.0 } else { f64::NAN }
    }
}

#[test]
fn values_of_the_table_lie_in_the_supports() {
    for law in table() {
        let d = law.with(&law.params(DType::F64));
        let outside = d.support().first_outside(&law.value(DType::F64)).unwrap();
        assert_eq!(outside, None, "{}", law.name);
        assert_eq!(d.support().is_discrete(), law.is_discrete(), "{}", law.name);
    }
}
