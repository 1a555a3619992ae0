//! Which cluster is each point from? A mixture of two normals with one discrete latent a point, written with
//! and without a plate.
//!
//! ```sh
//! cargo run --release --example gmm
//! ```
//!
//! The plate declares the points independent, so each assignment is charged with its own point's cost. With all
//! assignments as one event each would be charged with everybody's: same expected gradient, and the variance that is
//! printed. rushlight finds out by itself that the elements of the event stay apart, and charges them so; the example
//! also prints what that is worth. Ranganath, Gerrish, Blei (2014), section 3.1, is the theory.

#[path = "support/clusters.rs"]
mod clusters;
#[path = "support/variance.rs"]
mod variance;

use clap::Parser;
use rushlight::prelude::*;
use serde_json::json;

/// The plate of points, or none: then the points are one event.
fn points<R>(
    ctx: &mut Ctx,
    plated: bool,
    n: usize,
    body: impl FnOnce(&mut Ctx) -> Result<R>,
) -> Result<R> {
    if plated { ctx.plate("points", n, body) } else { body(ctx) }
}

fn model(plated: bool) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, x| {
        let n = x.elem_count();
        let event = usize::from(!plated);
        let weights = Tensor::full(0.5f32, (n, 2), x.device())?;
        let locs = ctx.param("locs", [-1.0, 1.0], Constraint::Real)?;
        points(ctx, plated, n, |ctx| {
            let k = ctx.sample("k", Categorical::new(weights)?.to_event(event))?;
            let loc = k.select_from(&locs, 0)?;
            ctx.observe("x", Normal::new(loc, 1.0)?.to_event(event), x)
        })
    }
}

fn guide(plated: bool) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, x| {
        let n = x.elem_count();
        let zeros = || Ok(Tensor::zeros((n, 2), DType::F32, x.device())?);
        let logits = ctx.param_with("logits", Constraint::Real, zeros)?;
        points(ctx, plated, n, |ctx| {
            let k = Categorical::from_logits(&logits)?.to_event(usize::from(!plated));
            ctx.sample("k", k.baseline(DecayingAverage::new(0.9))).map(drop)
        })
    }
}

/// The mean variance of a logit's gradient, before any step.
fn gradient_variance(plated: bool, elementwise: bool, x: &Tensor, draws: u64) -> Result<f64> {
    let estimator = TraceGraphElbo::new().elementwise(elementwise);
    let mut svi = Svi::new(model(plated), guide(plated)).estimator(estimator).seed(1);
    variance::of_gradient("logits", draws, || svi.gradients(x))
}

fn main() -> Result<()> {
    rushlight::runtime::init();
    let args = clusters::Args::parse();
    let x = args.points()?;

    let of = |plated, elementwise| gradient_variance(plated, elementwise, &x, args.gradients);
    let (plate, event, no_plate) = (of(true, false)?, of(false, true)?, of(false, false)?);
    println!("{} points, variance of one logit's gradient (mean over logits):", x.elem_count());
    println!("  in a plate                  {plate:10.3}");
    println!("  one event, by elements      {event:10.3}   {:.0} times as much", event / plate);
    println!(
        "  one event, as a whole       {no_plate:10.3}   {:.0} times as much\n",
        no_plate / plate
    );

    let mut svi = Svi::new(model(true), guide(true)).optimizer(Adam::new(0.05));
    for step in 1..=args.steps {
        let loss = svi.step(&x)?;
        if step % 250 == 0 {
            println!("step {step:5}   loss {loss:9.3}");
        }
    }
    let locs = svi.params().value("locs")?.to_vec1::<f32>()?;
    println!("\nlocations {locs:.2?}; the points were drawn around -3 and 3");
    if args.json {
        println!(
            "{}",
            json!({
                "variance_plate": plate, "variance_elements": event, "variance_no_plate": no_plate,
                "locs": locs,
            })
        );
    }
    Ok(())
}
