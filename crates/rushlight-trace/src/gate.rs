//! What becomes of the gradients that flow through a draw.
//!
//! Some estimators weigh these gradients with something that is known only when both programs have run: the importance
//! weights of all particles. A gate lets the value through as it is, and scales its gradients by a factor that is set
//! afterwards, before anybody goes backward.

use crate::Result;
use candle_core::{Tensor, Var};

/// How a run's draws carry gradients to the parameters of their distributions, where they can.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Constraint, Normal, Rng};
/// use rushlight_trace::{Ctx, Draws, ParamStore, Run};
///
/// let params = ParamStore::default();
/// let program = |ctx: &mut Ctx| {
///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
///     ctx.sample("z", Normal::new(&loc, 1.0)?)
/// };
/// let z = |draws| Run::new(&params, Rng::seed(0)).draws(draws).execute(program).map(|(_, z)| z);
/// let (moves, stands) = (z(Draws::Pathwise)?, z(Draws::Detached)?);
/// assert_eq!(moves.to_scalar::<f32>()?, stands.to_scalar::<f32>()?);
/// assert!(moves.track_op() && !stands.track_op());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Draws {
    /// As they are.
    #[default]
    Pathwise,
    /// Each through a [`Gate`].
    Gated,
    /// Not at all.
    Detached,
}

/// Scales the gradients that flow through a draw.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::{Constraint, Normal, Rng};
/// use rushlight_trace::{Ctx, Draws, ParamStore, Run};
///
/// let params = ParamStore::default();
/// let program = |ctx: &mut Ctx| {
///     let loc = ctx.param("loc", 0.0, Constraint::Real)?;
///     ctx.sample("z", Normal::new(&loc, 1.0)?)
/// };
/// let (trace, z) = Run::new(&params, Rng::seed(0)).draws(Draws::Gated).execute(program)?;
/// // Only now it is known what this draw is worth.
/// let gate = trace.get("z").and_then(|z| z.gate()).expect("the run is gated");
/// gate.set(&Tensor::new(0.25f32, &Device::Cpu)?)?;
/// let slope = z.backward()?.remove(&params.vars()[0].1).expect("the draw moves with `loc`");
/// assert_eq!(slope.to_scalar::<f32>()?, 0.25);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gate {
    factor: Var,
    /// Event dims of the value.
    event: usize,
}

impl Gate {
    /// The value behind an open gate: `stop(z) + c (z − stop(z))`, which is `z` to the last bit.
    pub(crate) fn new(value: &Tensor, event: usize) -> Result<(Tensor, Self)> {
        let plates = value.rank() - event;
        let shape = [&value.dims()[..plates], vec![1; event].as_slice()].concat();
        let factor = Var::ones(shape, value.dtype(), value.device())?;
        let stopped = value.detach();
        let moves = (value - &stopped)?.broadcast_mul(&factor)?;
        Ok(((stopped + moves)?, Self { factor, event }))
    }

    /// Scales the gradients of each row by its factor. Shape: broadcasts to the site's plates.
    ///
    /// # Errors
    ///
    /// Shapes that do not broadcast.
    pub fn set(&self, factors: &Tensor) -> Result<()> {
        let event = vec![1; self.event];
        let factors = factors.reshape([factors.dims(), event.as_slice()].concat())?;
        let factors = factors.to_dtype(self.factor.dtype())?.to_device(self.factor.device())?;
        Ok(self.factor.set(&factors.broadcast_as(self.factor.shape())?.contiguous()?)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Ctx, Draws, ParamStore, Result, Run};
    use candle_core::{DType, Device, Tensor};
    use rushlight_distributions::{Constraint, DistributionExt, Normal, Rng};

    /// The same draws whatever becomes of their gradients, which are scaled row by row.
    #[test]
    fn a_gate_scales_gradients_and_nothing_else() -> Result<()> {
        let params = ParamStore::default();
        let program = |ctx: &mut Ctx| {
            let loc = ctx.param("loc", 0.5, Constraint::Real)?;
            let loc = loc.broadcast_as(&[2, 3])?;
            ctx.plate("rows", 2, |ctx| ctx.sample("z", Normal::new(loc, 1.0)?.to_event(1)))
        };
        let z = |draws| {
            let run = Run::new(&params, Rng::seed(0)).dtype(DType::F64).draws(draws);
            run.execute(program).map(|(trace, _)| trace)
        };
        let (plain, gated, detached) = (z(Draws::Pathwise)?, z(Draws::Gated)?, z(Draws::Detached)?);
        let value = |trace: &crate::Trace| trace.get("z").map(|s| s.value().clone()).unwrap();
        let numbers = |t: &Tensor| t.to_vec2::<f64>();
        assert_eq!(numbers(&value(&plain))?, numbers(&value(&gated))?);
        assert_eq!(numbers(&value(&plain))?, numbers(&value(&detached))?);
        assert!(!value(&detached).track_op() && plain.get("z").unwrap().gate().is_none());

        let gate = gated.get("z").unwrap().gate().unwrap();
        gate.set(&Tensor::new(&[0.25f64, -2.0], &Device::Cpu)?)?;
        let loc = &params.vars()[0].1;
        let slope = |t: Tensor| -> Result<f64> {
            Ok(t.backward()?.get(loc).unwrap().sum_all()?.to_scalar()?)
        };
        assert_eq!(slope(value(&plain).sum_all()?)?, 6.0);
        assert_eq!(slope(value(&gated).sum_all()?)?, 3.0 * (0.25 - 2.0));
        Ok(())
    }
}
