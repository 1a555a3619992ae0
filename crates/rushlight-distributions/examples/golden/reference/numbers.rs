//! Numbers of a file as tensors, and back.

use super::tally::Lack;
use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, Tensor, Var};
use rushlight_distributions::Operand;
use serde_json::Value;

/// The numbers of a nest of lists, in its shape; `None` where there is none.
pub struct Numbers {
    pub shape: Vec<usize>,
    pub flat: Vec<Option<f64>>,
}

impl Numbers {
    /// # Errors
    ///
    /// Something that is neither a number nor one of `"inf"`, `"-inf"` and `"nan"` nor `null`, and lists of different
    /// lengths beside each other.
    pub fn of(value: &Value) -> Result<Self, Lack> {
        let mut flat = Vec::new();
        let shape = collect(value, &mut flat)?;
        Ok(Self { shape, flat })
    }

    /// All of them as a tensor.
    pub fn tensor(&self, dtype: DType) -> Result<Tensor, Lack> {
        let all: Option<Vec<f64>> = self.flat.iter().copied().collect();
        let all = all.ok_or_else(|| Lack::Broken("null where a number is needed".into()))?;
        Ok(Tensor::from_vec(all, self.shape.as_slice(), &Device::Cpu)?.to_dtype(dtype)?)
    }
}

fn collect(value: &Value, flat: &mut Vec<Option<f64>>) -> Result<Vec<usize>, Lack> {
    let none = || Lack::Broken(format!("{value} is no number"));
    flat.push(match value {
        Value::Array(list) => {
            let mut shape = None;
            for entry in list {
                let inner = collect(entry, flat)?;
                if shape.get_or_insert_with(|| inner.clone()) != &inner {
                    return Err(Lack::Broken(format!("{value} has rows of different lengths")));
                }
            }
            return Ok([&[list.len()], shape.unwrap_or_default().as_slice()].concat());
        }
        Value::Null => None,
        Value::String(text) => match text.as_str() {
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            "nan" => Some(f64::NAN),
            _ => return Err(none()),
        },
        number => Some(number.as_f64().ok_or_else(none)?),
    });
    Ok(vec![])
}

/// A tensor that gradients are kept for.
pub fn variable(value: &Value, dtype: DType) -> Result<Tensor, Lack> {
    Ok(Var::from_tensor(&Numbers::of(value)?.tensor(dtype)?)?.as_tensor().clone())
}

/// A number or a tensor that no gradients are kept for.
pub fn operand(value: &Value, dtype: DType) -> Result<Operand, Lack> {
    let numbers = Numbers::of(value)?;
    Ok(match (numbers.shape.as_slice(), numbers.flat.as_slice()) {
        ([], [Some(number)]) => Operand::from(*number),
        _ => numbers.tensor(dtype)?.into(),
    })
}

pub fn flat(t: &Tensor) -> Result<Vec<f64>, Lack> {
    Ok(t.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

/// A value that is differentiated, perhaps several times.
pub struct Differentiated {
    pub value: Tensor,
    of_sum: GradStore,
}

impl Differentiated {
    pub fn of(value: Tensor) -> Result<Self, Lack> {
        let of_sum = value.backward()?;
        Ok(Self { value, of_sum })
    }

    /// The derivatives with respect to `x`, of which `count` are given: in the shape of `x`, of the sum of all values;
    /// or a row a value; or in a batch of vectors, whose values and entries of `x` stay apart, a matrix each.
    pub fn by(&self, x: &Tensor, count: usize) -> Result<Vec<f64>, Lack> {
        let (n, values) = (x.elem_count(), self.value.elem_count());
        if count != n && count == n * values {
            let values = self.value.flatten_all()?;
            let rows = (0..values.elem_count()).map(|i| self.row(x, &values.get(i)?));
            return Ok(rows.collect::<Result<Vec<_>, Lack>>()?.concat());
        }
        if let ([batch @ .., size], [same @ .., of_x]) = (self.value.dims(), x.dims())
            && count != n
            && batch == same
            && count == values * of_x
        {
            let columns = (0..*size).map(|i| self.row(x, &self.value.narrow(D::Minus1, i, 1)?));
            let columns = columns.collect::<Result<Vec<_>, Lack>>()?;
            let matrices =
                (0..n / of_x).flat_map(|b| columns.iter().map(move |c| &c[b * of_x..][..*of_x]));
            return Ok(matrices.collect::<Vec<_>>().concat());
        }
        in_store(&self.of_sum, x)
    }

    fn row(&self, x: &Tensor, value: &Tensor) -> Result<Vec<f64>, Lack> {
        in_store(&value.backward()?, x)
    }
}

/// What does not depend on `x` leaves no gradient: zeros.
fn in_store(store: &GradStore, x: &Tensor) -> Result<Vec<f64>, Lack> {
    store.get(x).map_or_else(|| Ok(vec![0.0; x.elem_count()]), flat)
}

/// How many numbers a reference has.
pub fn count(reference: &Value) -> usize {
    Numbers::of(reference).map_or(0, |numbers| numbers.flat.len())
}
