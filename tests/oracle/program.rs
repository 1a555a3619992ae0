//! Random programs.

use candle_core::{DType, Device, Tensor};
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rushlight::Traced;
use rushlight::prelude::*;

/// The size of vectors, and of the plate: equal, so that a confusion of the two would not show in shapes.
pub const SIZE: usize = 3;

/// A program: statements, run in order.
#[derive(Debug)]
pub struct Program(Vec<Statement>);

#[derive(Debug)]
enum Statement {
    Bit(Scalar),
    Bits(Vector),
    Observe(Scalar),
    ObserveAll(Vector),
    Factor(Scalar),
    Hidden(Scalar),
    Deterministic(Scalar),
    If(Scalar, Vec<Statement>, Vec<Statement>),
    While(Scalar, Vec<Statement>),
    Scaled(Scalar, Vec<Statement>),
    Rows(Vec<Statement>),
    Plate(Vec<InPlate>),
}

#[derive(Debug)]
enum InPlate {
    Bits(Vector),
    Observe(Vector),
    Masked(Vector, Vec<InPlate>),
}

/// A number, from the latents so far.
#[derive(Debug)]
enum Scalar {
    Constant(f64),
    Bit(usize),
    Sum(Box<Scalar>, Box<Scalar>),
    Product(Box<Scalar>, Box<Scalar>),
    Total(Box<Vector>),
    Entry(Box<Vector>, usize),
    /// As a plain tensor.
    Read(Box<Scalar>),
    /// By the host.
    Host(Box<Scalar>),
    Map(Box<Scalar>),
    Chosen(Box<Scalar>, Box<Vector>),
}

/// [`SIZE`] numbers: those of a vector, or of the rows of the plate (where nothing may mix them).
#[derive(Debug)]
enum Vector {
    Constant(f64),
    Bits(usize),
    Sum(Box<Vector>, Box<Vector>),
    Scaled(Box<Scalar>, Box<Vector>),
    Affine(Box<Vector>),
    Where(Box<Vector>, Box<Vector>, Box<Vector>),
    Map(Box<Vector>),
    Flip(Box<Vector>),
    Rotate(Box<Vector>),
    Square(Box<Vector>),
    Read(Box<Vector>),
    /// By the host, and in another order.
    Host(Box<Vector>),
}

struct Draw(ChaCha8Rng);

impl Program {
    pub fn draw(seed: u64) -> Self {
        let mut draw = Draw(ChaCha8Rng::seed_from_u64(seed));
        let mut statements =
            vec![Statement::Bit(Scalar::Constant(0.3)), Statement::Bits(Vector::Constant(-0.2))];
        statements.extend(draw.statements(6, 2));
        Self(statements)
    }

    pub fn run(&self, ctx: &mut Ctx) -> Result<()> {
        let mut scope = Scope::default();
        run(&self.0, ctx, &mut scope)
    }
}

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    fn number(&mut self) -> f64 {
        self.0.random_range(-1.5..1.5)
    }

    fn statements(&mut self, n: usize, depth: usize) -> Vec<Statement> {
        (0..n).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: usize) -> Statement {
        let kinds = if depth > 0 { 15 } else { 8 };
        match self.below(kinds) {
            0 | 1 => Statement::Bit(self.scalar(2)),
            2 | 3 => Statement::Bits(self.vector(2, false)),
            4 => Statement::Observe(self.scalar(2)),
            5 => Statement::ObserveAll(self.vector(2, false)),
            6 => Statement::Factor(self.scalar(2)),
            7 if self.below(2) == 0 => Statement::Hidden(self.scalar(1)),
            7 => Statement::Deterministic(self.scalar(2)),
            8 | 9 => {
                let (yes, no) = (self.below(3), self.below(2));
                Statement::If(
                    self.scalar(1),
                    self.statements(yes, depth - 1),
                    self.statements(no, depth - 1),
                )
            }
            10 => Statement::While(self.scalar(1), self.statements(1, depth - 1)),
            11 => Statement::Scaled(self.scalar(1), self.statements(2, depth - 1)),
            12 => Statement::Rows(self.statements(2, depth - 1)),
            _ => {
                let n = 2 + self.below(3);
                Statement::Plate((0..n).map(|_| self.in_plate(1)).collect())
            }
        }
    }

    fn in_plate(&mut self, depth: usize) -> InPlate {
        match self.below(if depth > 0 { 5 } else { 4 }) {
            0 | 1 => InPlate::Bits(self.vector(2, true)),
            2 | 3 => InPlate::Observe(self.vector(2, true)),
            _ => InPlate::Masked(self.vector(1, true), vec![self.in_plate(0), self.in_plate(0)]),
        }
    }

    fn scalar(&mut self, depth: usize) -> Scalar {
        let kinds = if depth > 0 { 13 } else { 4 };
        let down = depth.saturating_sub(1);
        match self.below(kinds) {
            0 => Scalar::Constant(self.number()),
            1..=3 => Scalar::Bit(self.below(16)),
            4 | 5 => Scalar::Sum(self.boxed(down), self.boxed(down)),
            6 => Scalar::Product(self.boxed(down), self.boxed(down)),
            7 => Scalar::Total(self.boxed_vector(down, false)),
            8 => Scalar::Entry(self.boxed_vector(down, false), self.below(SIZE)),
            9 => Scalar::Read(self.boxed(down)),
            10 => Scalar::Host(self.boxed(down)),
            11 => Scalar::Map(self.boxed(down)),
            _ => Scalar::Chosen(self.boxed(down), self.boxed_vector(down, false)),
        }
    }

    fn boxed(&mut self, depth: usize) -> Box<Scalar> {
        Box::new(self.scalar(depth))
    }

    fn boxed_vector(&mut self, depth: usize, in_plate: bool) -> Box<Vector> {
        Box::new(self.vector(depth, in_plate))
    }

    /// In the plate, nothing that mixes rows by tensor ops.
    fn vector(&mut self, depth: usize, in_plate: bool) -> Vector {
        let kinds = match (depth, in_plate) {
            (0, _) => 5,
            (_, true) => 13,
            (_, false) => 16,
        };
        let down = depth.saturating_sub(1);
        match self.below(kinds) {
            0 => Vector::Constant(self.number()),
            1..=4 => Vector::Bits(self.below(16)),
            5 => Vector::Sum(self.boxed_vector(down, in_plate), self.boxed_vector(down, in_plate)),
            6 => Vector::Scaled(self.boxed(down), self.boxed_vector(down, in_plate)),
            7 => Vector::Affine(self.boxed_vector(down, in_plate)),
            8 => {
                let mut next = || self.boxed_vector(down, in_plate);
                Vector::Where(next(), next(), next())
            }
            9 => Vector::Map(self.boxed_vector(down, in_plate)),
            10 => Vector::Square(self.boxed_vector(down, in_plate)),
            11 => Vector::Read(self.boxed_vector(down, in_plate)),
            // A value read as a plain tensor first leaves unseen, and what the host makes of it is the author's promise.
            12 if in_plate => Vector::Host(Box::new(Vector::Bits(self.below(16)))),
            12 => Vector::Host(self.boxed_vector(down, in_plate)),
            13 => Vector::Flip(self.boxed_vector(down, in_plate)),
            _ => Vector::Rotate(self.boxed_vector(down, in_plate)),
        }
    }
}

/// What the statements so far have made.
#[derive(Clone, Default)]
struct Scope {
    bits: Vec<Traced>,
    vectors: Vec<Traced>,
    rows: Vec<Traced>,
    in_plate: bool,
    /// The path of the statement, from which sites are named.
    path: String,
}

impl Scope {
    fn inside(&self, part: impl std::fmt::Display) -> Self {
        Self { path: format!("{}{part}.", self.path), ..self.clone() }
    }
}

fn run(statements: &[Statement], ctx: &mut Ctx, scope: &mut Scope) -> Result<()> {
    for (i, statement) in statements.iter().enumerate() {
        let name = format!("{}{i}", scope.path);
        match statement {
            Statement::Bit(logit) => {
                let bit = ctx.sample(&name, Bernoulli::from_logits(logit.of(scope)?)?)?;
                scope.bits.push(bit);
            }
            Statement::Bits(logits) => {
                let bits = Bernoulli::from_logits(logits.of(scope)?)?.to_event(1);
                let bits = ctx.sample(&name, bits)?;
                scope.vectors.push(bits);
            }
            Statement::Observe(loc) => {
                ctx.observe(&name, Normal::new(loc.of(scope)?, 1.0)?, 0.4)?;
            }
            Statement::ObserveAll(loc) => {
                let dist = Normal::new(loc.of(scope)?, 1.0)?.to_event(1);
                ctx.observe(&name, dist, [0.4, -0.1, 0.9])?;
            }
            Statement::Factor(x) => ctx.factor(&name, x.of(scope)?)?,
            Statement::Hidden(logit) => {
                let bit = Bernoulli::from_logits(logit.of(scope)?)?;
                let bit = ctx.hidden(|ctx| ctx.sample(&name, bit))?;
                scope.bits.push(bit);
            }
            Statement::Deterministic(x) => {
                let x = ctx.deterministic(&name, x.of(scope)?)?;
                scope.bits.push(x);
            }
            Statement::If(condition, yes, no) => {
                let condition = condition.of(scope)?.to_scalar::<f64>()? > 0.2;
                let (branch, side) = if condition { (yes, "yes") } else { (no, "no") };
                run(branch, ctx, &mut scope.inside(format!("{i}.{side}")))?;
            }
            Statement::While(logit, body) => {
                let mut inner = scope.clone();
                for k in 0..3 {
                    let logit = logit.of(&inner)?;
                    let go_on =
                        ctx.sample(&format!("{name}.go.{k}"), Bernoulli::from_logits(logit)?)?;
                    if go_on.to_scalar::<f64>()? == 0.0 {
                        break;
                    }
                    inner.bits.push(go_on);
                    inner.path = format!("{name}.{k}.");
                    run(body, ctx, &mut inner)?;
                }
            }
            Statement::Scaled(scale, body) => {
                let scale = scale.of(scope)?.sigmoid()?;
                let mut inner = scope.inside(i);
                ctx.scaled(scale, |ctx| run(body, ctx, &mut inner))?;
            }
            Statement::Rows(body) => {
                ctx.rows(&name, 2, |ctx, row| {
                    let mut inner = scope.inside(i);
                    // The rows differ.
                    inner.bits.rotate_left(row % scope.bits.len());
                    run(body, ctx, &mut inner)
                })?;
            }
            Statement::Plate(body) => {
                let mut inner = scope.inside(i);
                inner.in_plate = true;
                ctx.plate("plate", SIZE, |ctx| run_in_plate(body, ctx, &mut inner))?;
                scope.rows = inner.rows;
            }
        }
    }
    Ok(())
}

fn run_in_plate(body: &[InPlate], ctx: &mut Ctx, scope: &mut Scope) -> Result<()> {
    for (i, statement) in body.iter().enumerate() {
        let name = format!("{}{i}", scope.path);
        match statement {
            InPlate::Bits(logits) => {
                let rows = ctx.sample(&name, Bernoulli::from_logits(logits.of(scope)?)?)?;
                scope.rows.push(rows);
            }
            InPlate::Observe(loc) => {
                ctx.observe(&name, Normal::new(loc.of(scope)?, 1.0)?, [0.4, -0.1, 0.9])?;
            }
            InPlate::Masked(mask, body) => {
                let mask = mask.of(scope)?.map(|x| x.gt(0.3)?.to_dtype(DType::F64))?;
                let mut inner = scope.inside(i);
                ctx.masked(mask, |ctx| run_in_plate(body, ctx, &mut inner))?;
                scope.rows = inner.rows;
            }
        }
    }
    Ok(())
}

impl Scalar {
    fn of(&self, scope: &Scope) -> Result<Traced> {
        Ok(match self {
            Self::Constant(x) => Tensor::new(*x, &Device::Cpu)?.into(),
            Self::Bit(i) => scope.bits[i % scope.bits.len()].clone(),
            Self::Sum(a, b) => (a.of(scope)? + b.of(scope)?)?,
            Self::Product(a, b) => (a.of(scope)? * b.of(scope)?)?,
            Self::Total(xs) => xs.of_vectors(scope)?.sum(0)?,
            Self::Entry(xs, i) => xs.of_vectors(scope)?.get(*i)?,
            Self::Read(x) => Tensor::clone(&*x.of(scope)?).into(),
            Self::Host(x) => {
                Tensor::new(x.of(scope)?.to_scalar::<f64>()? * 0.7, &Device::Cpu)?.into()
            }
            Self::Map(x) => x.of(scope)?.map(|x| x.sin())?,
            Self::Chosen(x, xs) => {
                let index = x.of(scope)?.map(|x| x.gt(0.2)?.to_dtype(DType::U32))?;
                index.reshape(1)?.select_from(xs.of_vectors(scope)?, 0)?.squeeze(0)?
            }
        })
    }
}

impl Vector {
    /// Of vectors proper, also where the statement is in the plate.
    fn of_vectors(&self, scope: &Scope) -> Result<Traced> {
        self.of(&Scope { in_plate: false, ..scope.clone() })
    }

    fn of(&self, scope: &Scope) -> Result<Traced> {
        Ok(match self {
            Self::Constant(x) => Tensor::new(&[*x, x + 0.3, x - 0.4], &Device::Cpu)?.into(),
            Self::Bits(i) => {
                let pool = if scope.in_plate { &scope.rows } else { &scope.vectors };
                match pool.len() {
                    0 => Tensor::new(&[0.1, 0.2, 0.3], &Device::Cpu)?.into(),
                    n => pool[i % n].clone(),
                }
            }
            Self::Sum(a, b) => (a.of(scope)? + b.of(scope)?)?,
            Self::Scaled(x, xs) => (x.of(scope)? * xs.of(scope)?)?,
            Self::Affine(xs) => xs.of(scope)?.affine(0.8, -0.3)?,
            Self::Where(c, yes, no) => {
                let c = (c.of(scope)? - 0.25)?.relu()?.to_dtype(DType::U32)?;
                Traced::where_cond(c, yes.of(scope)?, no.of(scope)?)?
            }
            Self::Map(xs) => xs.of(scope)?.map(|x| x.cos())?,
            Self::Square(xs) => {
                let xs = xs.of(scope)?;
                (&xs * &xs)?
            }
            Self::Read(xs) => Tensor::clone(&*xs.of(scope)?).into(),
            Self::Host(xs) => {
                let mut host = xs.of(scope)?.to_vec1::<f64>()?;
                host.rotate_left(1);
                Tensor::new(host, &Device::Cpu)?.into()
            }
            Self::Flip(xs) => xs.of(scope)?.map(|x| x.flip(&[0]))?,
            Self::Rotate(xs) => {
                let xs = xs.of(scope)?;
                Traced::cat(&[xs.narrow(0, 1, SIZE - 1)?, xs.narrow(0, 0, 1)?], 0)?
            }
        })
    }
}
