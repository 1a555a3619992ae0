//! One model of the file: what its programs read, and the baselines that its sites take.

use candle_core::{Device, Tensor};
use rushlight::prelude::*;
use rushlight::{Baseline, Charge, ControlVariate, Cost, Memory, Source, Traced};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex};

/// A model of the file, as its programs see it.
#[derive(Debug, Clone)]
pub struct Case {
    pub json: Json,
    /// Where the draws that are not finite come from.
    pub point: Point,
    pub baselines: Baselines,
    /// What the estimator charged the sites with.
    pub book: Book,
}

/// One node of a sum or an integral over what is not finite.
#[derive(Debug, Clone)]
pub struct Point {
    /// The weight of the node, to which the probabilities of the finite latents are factors.
    pub measure: f64,
    /// The rows of a subsample.
    pub rows: Option<Vec<u32>>,
    /// Standard normal noise of pathwise sites, in their order.
    pub noise: Option<Vec<f64>>,
    /// The value of the latent `z`.
    pub z: Option<f64>,
}

impl Point {
    /// Everything is drawn.
    pub const DRAWN: Self = Self { measure: 1.0, rows: None, noise: None, z: None };
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baselines {
    None,
    /// Notes what sites are charged with, and predicts 0.
    Noted,
    /// The one constant a site that the file gives.
    Constants,
}

/// What the sites of one particle were charged with.
pub type Book = Arc<Mutex<Vec<Entry>>>;

#[derive(Debug, Clone)]
pub struct Entry {
    pub site: String,
    /// What the file calls the rows of the site, and what each was charged with.
    pub rows: Vec<(String, f64)>,
}

/// Nested lists of numbers, as a tensor.
fn tensor(json: &Json) -> Result<Tensor> {
    let (mut dims, mut inner) = (Vec::new(), json);
    while let Some(list) = inner.as_array() {
        dims.push(list.len());
        inner = &list[0];
    }
    Ok(Tensor::from_vec(numbers(json), dims, &Device::Cpu)?)
}

/// The numbers of nested lists, row-major; truth values are 0 and 1.
pub fn numbers(json: &Json) -> Vec<f64> {
    match json {
        Json::Array(list) => list.iter().flat_map(numbers).collect(),
        Json::Bool(truth) => vec![f64::from(*truth)],
        number => vec![number.as_f64().unwrap_or_else(|| panic!("{number} is no number"))],
    }
}

impl Case {
    pub fn new(json: &Json) -> Self {
        Self {
            json: json.clone(),
            point: Point::DRAWN,
            baselines: Baselines::None,
            book: Book::default(),
        }
    }

    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }

    pub fn x(&self) -> Result<Tensor> {
        self.data("x")
    }

    pub fn data(&self, name: &str) -> Result<Tensor> {
        tensor(&self.json["data"][name])
    }

    pub fn constant(&self, name: &str) -> Result<Tensor> {
        tensor(&self.json["constants"][name])
    }

    pub fn number(&self, name: &str) -> f64 {
        numbers(&self.json["constants"][name])[0]
    }

    pub fn param(&self, ctx: &mut Ctx, name: &str) -> Result<Traced> {
        ctx.param(name, tensor(&self.json["params"][name])?, Constraint::Real)
    }

    /// The draw of a site that is one of the file's, with its baselines.
    pub fn one(&self, name: &str, dist: impl Distribution + 'static) -> Draw {
        self.rows(vec![name.to_owned()], &[], dist)
    }

    /// The draw of a site whose rows, in a tensor of this shape, are sites of the file.
    pub fn rows(
        &self,
        keys: Vec<String>,
        shape: &[usize],
        dist: impl Distribution + 'static,
    ) -> Draw {
        let draw = Draw::from(dist);
        match self.baselines {
            Baselines::None => draw,
            Baselines::Noted => draw.baseline(Noted { keys, book: self.book.clone() }),
            Baselines::Constants => {
                let constant = |key: &String| {
                    let constants = &self.json["baselines"]["c2"];
                    constants[key].as_f64().unwrap_or_else(|| panic!("no constant of {key}"))
                };
                let constants: Vec<f64> = keys.iter().map(constant).collect();
                match shape {
                    [] => draw.baseline(Value::new(constants[0])),
                    _ => draw.baseline(Value::new(
                        Tensor::from_vec(constants, shape, &Device::Cpu)
                            .unwrap_or_else(|e| panic!("{}: {e}", self.id())),
                    )),
                }
            }
        }
    }

    /// A pathwise normal draw: number `place` of the point's noises, or any.
    pub fn normal(
        &self,
        ctx: &mut Ctx,
        (name, place): (&str, usize),
        loc: Traced,
        scale: Traced,
    ) -> Result<Traced> {
        let dist = Normal::new(&loc, &scale)?;
        match &self.point.noise {
            None => ctx.sample(name, dist),
            Some(noise) => {
                let value = (loc + (scale * noise[place])?)?;
                ctx.with_source(Source::substitute([(name, value)]), |ctx| ctx.sample(name, dist))
            }
        }
    }

    /// The draw of the latent `z`: the point's value, moving as a draw would where it is pathwise, or any.
    pub fn z(&self, ctx: &mut Ctx, dist: impl Distribution + 'static) -> Result<Traced> {
        let Some(z) = self.point.z else { return ctx.sample("z", self.one("z", dist)) };
        let z = Tensor::new(z, &Device::Cpu)?;
        if dist.has_rsample() {
            let moving = dist.reparameterize(&z)?;
            return ctx
                .with_source(Source::substitute([("z", moving)]), |ctx| ctx.sample("z", dist));
        }
        let draw = self.one("z", dist);
        ctx.with_source(Source::substitute([("z", z)]), |ctx| ctx.sample("z", draw))
    }
}

/// A baseline that predicts nothing, and takes down what it sees.
#[derive(Debug)]
struct Noted {
    keys: Vec<String>,
    book: Book,
}

impl Baseline for Noted {
    fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
        let costs = match &charge.cost {
            Cost::Number(x) => vec![*x; self.keys.len()],
            Cost::Rows(rows) => {
                rows.broadcast_as(charge.site.batch_shape())?.flatten_all()?.to_vec1()?
            }
        };
        let rows = self.keys.iter().cloned().zip(costs).collect();
        let mut book = self.book.lock().unwrap_or_else(|e| e.into_inner());
        book.push(Entry { site: charge.site.name().to_owned(), rows });
        Ok(ControlVariate { value: Cost::Number(0.0), fit: None })
    }
}
