//! The score.

use super::numbers::Numbers;
use super::tolerance::Tolerance;
use candle_core::DType;
use rushlight_distributions::Error;
use serde_json::Value;

/// Why there is no result.
#[derive(Debug, Clone)]
pub enum Lack {
    /// The crate says that it does not have this.
    NotAvailable(String),
    /// It should have been there.
    Broken(String),
}

impl From<Error> for Lack {
    fn from(error: Error) -> Self {
        match error {
            Error::NotAvailable { .. } | Error::NotReparameterized { .. } => {
                Self::NotAvailable(error.to_string())
            }
            error => Self::Broken(error.to_string()),
        }
    }
}

impl From<candle_core::Error> for Lack {
    fn from(error: candle_core::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A distribution, function or map: a line of the table.
#[derive(Debug, Default)]
pub struct Row {
    pub name: String,
    pub cases: usize,
    pub passed_f64: usize,
    pub passed_f32: usize,
    pub failed: usize,
    pub not_available: usize,
    /// Quantities that the references give no `f32` tolerance.
    pub skipped: usize,
    /// The largest error over its tolerance, and where that was.
    pub worst: f64,
    pub worst_at: String,
}

/// A quantity at a place.
pub struct Place<'a> {
    pub dtype: DType,
    pub quantity: &'a str,
    /// As ` at 0.5`, or nothing.
    pub at: &'a str,
}

/// What came of the comparisons in one file.
#[derive(Debug, Default)]
pub struct Tally {
    pub rows: Vec<Row>,
    /// Results that disagree.
    pub failures: Vec<String>,
    /// Results that are not there, each with the number of its quantities.
    pub broken: Vec<(String, usize)>,
    pub not_available: Vec<(String, usize)>,
    row: usize,
    case: String,
}

impl Tally {
    /// From here on all is told of this case, in the row of this name.
    pub fn open(&mut self, name: &str, case: String) {
        self.row = match self.rows.iter().position(|row| row.name == name) {
            Some(row) => row,
            None => {
                self.rows.push(Row { name: name.into(), ..Row::default() });
                self.rows.len() - 1
            }
        };
        self.rows[self.row].cases += 1;
        self.case = case;
    }

    /// Compares what `got` gives with a reference, if there is one and it has a tolerance.
    pub fn check(
        &mut self,
        place: Place<'_>,
        tolerance: Option<Tolerance>,
        reference: &Value,
        got: impl FnOnce() -> Result<Vec<f64>, Lack>,
    ) {
        if reference.is_null() {
            return;
        }
        let Some(tolerance) = tolerance else {
            self.rows[self.row].skipped += 1;
            return;
        };
        let both = Numbers::of(reference).and_then(|reference| Ok((reference, got()?)));
        let (reference, got) = match both {
            Ok(both) => both,
            Err(lack) => return self.lack(place.quantity, lack),
        };
        let dtype = if place.dtype == DType::F64 { "f64" } else { "f32" };
        let place_text = format!("{} {dtype} {}{}", self.case, place.quantity, place.at);
        let row = &mut self.rows[self.row];
        let pairs = || reference.flat.iter().zip(&got).enumerate();
        let ratios = pairs().filter_map(|(i, (r, g))| Some(tolerance.ratio(i, *g, (*r)?)));
        // NaN can not come of them.
        let mut worst = ratios.fold(0.0, f64::max);
        if got.len() != reference.flat.len() {
            worst = f64::INFINITY;
        }
        if worst > row.worst || row.worst_at.is_empty() {
            row.worst = worst;
            row.worst_at.clone_from(&place_text);
        }
        if worst > 1.0 {
            row.failed += 1;
            let want: Vec<f64> = reference.flat.iter().map(|r| r.unwrap_or(f64::NAN)).collect();
            self.failures.push(format!(
                "{place_text}: {got:?}, not {want:?}; {worst:.3e} times the tolerance"
            ));
        } else if place.dtype == DType::F64 {
            row.passed_f64 += 1;
        } else {
            row.passed_f32 += 1;
        }
    }

    /// A quantity that is not there.
    pub fn lack(&mut self, quantity: &str, lack: Lack) {
        let row = &mut self.rows[self.row];
        let (reasons, reason) = match lack {
            Lack::NotAvailable(reason) => {
                row.not_available += 1;
                (&mut self.not_available, reason)
            }
            Lack::Broken(reason) => {
                row.failed += 1;
                (&mut self.broken, reason)
            }
        };
        let text = format!("{}, {quantity}: {reason}", row.name);
        match reasons.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => reasons.push((text, 1)),
        }
    }

    fn sum(&self, of: impl Fn(&Row) -> usize) -> usize {
        self.rows.iter().map(of).sum()
    }

    pub fn passed(&self) -> usize {
        self.sum(|row| row.passed_f64 + row.passed_f32)
    }

    pub fn failed(&self) -> usize {
        self.sum(|row| row.failed)
    }

    pub fn not_available(&self) -> usize {
        self.sum(|row| row.not_available)
    }

    pub fn skipped(&self) -> usize {
        self.sum(|row| row.skipped)
    }

    pub fn cases(&self) -> usize {
        self.sum(|row| row.cases)
    }
}
