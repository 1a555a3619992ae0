//! Random programs, right by construction: model and guide make the same choices, whose probabilities are random
//! expressions in the choices before them.

use candle_core::{Device, Tensor};
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rushlight::Traced;
use rushlight::prelude::*;

/// Model and guide, as statements that both run.
#[derive(Debug)]
pub struct Pair(Vec<Statement>);

#[derive(Debug)]
enum Statement {
    Bit(Choice),
    Class(Choice),
    /// Two bits in one event.
    Event(Choice),
    /// A plate of two rows: bits, and an observation of them.
    Plate(Choice, Number),
    Observe(Number),
    Factor(Number),
    Scaled(f64, Vec<Statement>),
    Masked(bool, Vec<Statement>),
    /// On the value of a bit.
    If(usize, Vec<Statement>, Vec<Statement>),
}

/// The logits of a choice: the model's, and the guide's, to which a parameter is added.
#[derive(Debug)]
struct Choice {
    model: Number,
    guide: Number,
    init: f64,
    baseline: usize,
}

#[derive(Debug)]
enum Number {
    Constant(f64),
    Bit(usize, f64),
    Sum(Box<Number>, Box<Number>),
    Product(Box<Number>, Box<Number>),
    /// Of a closure.
    Sine(Box<Number>),
    /// By the host.
    Read(Box<Number>),
}

struct Draw(ChaCha8Rng);

impl Pair {
    /// A bit, so many statements, and an observation.
    pub fn draw(seed: u64, statements: usize) -> Self {
        let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
        let mut all = vec![Statement::Bit(draw.choice())];
        all.extend(draw.statements(statements, 1));
        all.push(Statement::Observe(draw.number(2)));
        Self(all)
    }

    pub fn model(&self, ctx: &mut Ctx, _: &()) -> Result<()> {
        let weight = ctx.param("weight", 0.8, Constraint::Real)?;
        Scope { model: Some(weight), bits: Vec::new(), path: String::new() }.run(&self.0, ctx)
    }

    pub fn guide(&self, ctx: &mut Ctx, _: &()) -> Result<()> {
        Scope { model: None, bits: Vec::new(), path: String::new() }.run(&self.0, ctx)
    }
}

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    fn constant(&mut self) -> f64 {
        self.0.random_range(-1.5..1.5)
    }

    fn number(&mut self, depth: usize) -> Number {
        let down = depth.saturating_sub(1);
        let boxed = |draw: &mut Self| Box::new(draw.number(down));
        match self.below(if depth > 0 { 7 } else { 3 }) {
            0 => Number::Constant(self.constant()),
            1 | 2 => Number::Bit(self.below(8), self.constant()),
            3 => Number::Sum(boxed(self), boxed(self)),
            4 => Number::Product(boxed(self), boxed(self)),
            5 => Number::Sine(boxed(self)),
            _ => Number::Read(boxed(self)),
        }
    }

    fn choice(&mut self) -> Choice {
        let (model, guide) = (self.number(2), self.number(2));
        Choice { model, guide, init: self.constant(), baseline: self.below(5) }
    }

    fn statements(&mut self, n: usize, depth: usize) -> Vec<Statement> {
        (0..n).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: usize) -> Statement {
        match self.below(if depth > 0 { 12 } else { 8 }) {
            0 | 1 => Statement::Bit(self.choice()),
            2 => Statement::Class(self.choice()),
            3 => Statement::Event(self.choice()),
            4 | 5 => Statement::Plate(self.choice(), self.number(2)),
            6 => Statement::Observe(self.number(2)),
            7 => Statement::Factor(self.number(2)),
            8 => Statement::Scaled(0.5 + self.constant().abs(), self.statements(2, 0)),
            9 => Statement::Masked(self.below(2) == 0, self.statements(2, 0)),
            _ => {
                let (yes, no) = (self.below(3), self.below(2));
                Statement::If(self.below(8), self.statements(yes, 0), self.statements(no, 0))
            }
        }
    }
}

/// One run of one of the two.
#[derive(Clone)]
struct Scope {
    /// The weight of what is observed, in the model.
    model: Option<Traced>,
    bits: Vec<Traced>,
    path: String,
}

impl Scope {
    fn run(&mut self, statements: &[Statement], ctx: &mut Ctx) -> Result<()> {
        for (i, statement) in statements.iter().enumerate() {
            self.statement(statement, &format!("{}{i}", self.path), ctx)?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement, name: &str, ctx: &mut Ctx) -> Result<()> {
        match statement {
            Statement::Bit(choice) => {
                let logit = self.logits(choice, name, &[], ctx)?;
                let bit = self.drawn(choice, name, Bernoulli::from_logits(logit)?, ctx)?;
                self.bits.push(bit);
            }
            Statement::Class(choice) => {
                let logits = self.logits(choice, name, &[0.0, 0.4, -0.3], ctx)?;
                let class = self.drawn(choice, name, Categorical::from_logits(logits)?, ctx)?;
                let values = Tensor::new(&[-0.7, 0.2, 1.1], &Device::Cpu)?;
                self.bits.push(class.select_from(values, 0)?);
            }
            Statement::Event(choice) => {
                let logits = self.logits(choice, name, &[0.3, -0.5], ctx)?;
                let dist = Bernoulli::from_logits(logits)?.to_event(1);
                let bits = self.drawn(choice, name, dist, ctx)?;
                self.bits.extend([bits.get(0)?, bits.sum(0)?]);
            }
            Statement::Plate(choice, loc) => {
                let rows = ctx.plate(&format!("{name}.plate"), 2, |ctx| {
                    let logits = self.logits(choice, name, &[0.3, -0.5], ctx)?;
                    let rows = self.drawn(choice, name, Bernoulli::from_logits(logits)?, ctx)?;
                    if let Some(weight) = &self.model {
                        let loc = ((weight * &rows)? + loc.of(self)?)?;
                        ctx.observe(&format!("{name}.x"), Normal::new(loc, 1.0)?, [0.4, -0.9])?;
                    }
                    Ok(rows)
                })?;
                self.bits.push(rows.sum(0)?);
            }
            Statement::Observe(loc) => {
                if let Some(weight) = &self.model {
                    let loc = (weight * loc.of(self)?)?;
                    ctx.observe(name, Normal::new(loc, 1.0)?, 0.6)?;
                }
            }
            Statement::Factor(x) => {
                if self.model.is_some() {
                    ctx.factor(name, x.of(self)?)?;
                }
            }
            Statement::Scaled(scale, body) => {
                ctx.scaled(*scale, |ctx| self.inside(name).run(body, ctx))?;
            }
            Statement::Masked(mask, body) => {
                ctx.masked(*mask, |ctx| self.inside(name).run(body, ctx))?;
            }
            Statement::If(bit, yes, no) => {
                let bit = &self.bits[bit % self.bits.len()];
                let (side, body) = match bit.to_scalar::<f64>()? > 0.5 {
                    true => ("yes", yes),
                    false => ("no", no),
                };
                self.inside(&format!("{name}.{side}")).run(body, ctx)?;
            }
        }
        Ok(())
    }

    fn inside(&self, path: &str) -> Self {
        Self { path: format!("{path}."), ..self.clone() }
    }

    /// The number plus these offsets; in the guide they are a parameter's start.
    fn logits(
        &self,
        choice: &Choice,
        name: &str,
        offsets: &[f64],
        ctx: &mut Ctx,
    ) -> Result<Traced> {
        let offsets = match offsets {
            [] => Tensor::new(choice.init, &Device::Cpu)?,
            offsets => Tensor::new(offsets, &Device::Cpu)?.affine(1.0, choice.init)?,
        };
        Ok(match self.model {
            Some(_) => (choice.model.of(self)? + offsets)?,
            None => {
                let offsets = ctx.param(&format!("{name}.logits"), offsets, Constraint::Real)?;
                (choice.guide.of(self)? + offsets)?
            }
        })
    }

    fn drawn(
        &self,
        choice: &Choice,
        name: &str,
        dist: impl Distribution + 'static,
        ctx: &mut Ctx,
    ) -> Result<Traced> {
        let average = DecayingAverage::new;
        let draw = rushlight::Draw::from(dist);
        ctx.sample(
            name,
            match choice.baseline {
                0 | 1 => draw,
                2 => draw.baseline(average(0.9)),
                3 => draw.baseline(Value::new(-1.2)),
                _ => draw.baseline(average(0.5)).baseline(average(0.9)),
            },
        )
    }
}

impl Number {
    fn of(&self, scope: &Scope) -> Result<Traced> {
        Ok(match self {
            Self::Constant(x) => Tensor::new(*x, &Device::Cpu)?.into(),
            Self::Bit(i, x) => match scope.bits.len() {
                0 => Tensor::new(*x, &Device::Cpu)?.into(),
                n => (&scope.bits[i % n] * *x)?,
            },
            Self::Sum(a, b) => (a.of(scope)? + b.of(scope)?)?,
            Self::Product(a, b) => (a.of(scope)? * b.of(scope)?)?,
            Self::Sine(x) => x.of(scope)?.map(|x| x.sin())?,
            Self::Read(x) => {
                Tensor::new(x.of(scope)?.to_scalar::<f64>()? * 0.7, &Device::Cpu)?.into()
            }
        })
    }
}
