//! The baselines that every row is run with.

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::Init;
use rushlight::prelude::*;
use rushlight::{Strategy, StrategyExt};

/// What is attached to the score-function sites of a row.
#[derive(Debug, Clone, Copy)]
pub enum Baselines {
    None,
    /// None is named.
    Unnamed,
    Best,
    Average,
    ZeroInit,
    Number,
    Learned,
    /// With NVIL's centring and normalization.
    Centred,
    TwoAverages,
    LearnedAndAverage,
    /// An average, and behind it one for each datum and a constant for each datum.
    ByDatum,
    /// None, and another strategy.
    By(Strategy),
    /// For mutants: a baseline that answers with this step's cost, times a number.
    Peek(fn(Draw) -> Draw),
}

impl Baselines {
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::Unnamed,
        Self::Best,
        Self::Average,
        Self::ZeroInit,
        Self::Number,
        Self::Learned,
        Self::Centred,
        Self::TwoAverages,
        Self::LearnedAndAverage,
    ];

    /// The draw with its baselines. The network reads `input`, which has the site's plates and a
    /// dim of 1.
    pub fn on(self, ctx: &mut Ctx, draw: impl Into<Draw>, input: &Tensor) -> Result<Draw> {
        let draw = draw.into();
        let average = DecayingAverage::new;
        Ok(match self {
            Self::None => draw.no_baseline(),
            Self::Unnamed => draw,
            Self::Best => draw.baseline(OptimalConstant::default()),
            Self::Average => draw.baseline(average(0.9)),
            Self::ZeroInit => draw.baseline(average(0.9).zero_init()),
            Self::Number => draw.baseline(Value::new(-1.5)),
            Self::Learned => draw.baseline(learned(ctx, input)?),
            Self::Centred => draw.baseline(learned(ctx, input)?.centred(0.8).normalized(0.8)),
            Self::TwoAverages => draw.baseline(average(0.9)).baseline(average(0.95)),
            Self::LearnedAndAverage => draw.baseline(learned(ctx, input)?).baseline(average(0.9)),
            Self::ByDatum => draw
                .baseline(average(0.9))
                .baseline(average(0.5).by_datum())
                .baseline(OptimalConstant::new(0.5).by_datum()),
            Self::By(strategy) => draw.strategy(strategy),
            Self::Peek(attach) => attach(draw),
        })
    }
}

/// The input of a network that knows nothing.
pub fn constant(plates: &[usize]) -> Result<Tensor> {
    Ok(Tensor::ones([plates, &[1]].concat(), DType::F64, &Device::Cpu)?)
}

fn learned(ctx: &mut Ctx, input: &Tensor) -> Result<Learned> {
    let init = Init::Uniform { lo: -1.0, up: 1.0 };
    let network = ctx.module("baseline", |vb| -> candle_core::Result<Tiny> {
        let weight = vb.get_with_hints(1, "weight", init)?;
        Ok(Tiny { weight, bias: vb.get_with_hints(1, "bias", init)? })
    })?;
    Learned::new(&network, input)
}

/// One weight and one bias, for inputs of any rank. (A matmul would do the same, at many times the
/// price.)
struct Tiny {
    weight: Tensor,
    bias: Tensor,
}

impl Module for Tiny {
    fn forward(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        input.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}
