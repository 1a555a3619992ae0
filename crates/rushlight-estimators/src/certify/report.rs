//! What came of it.

use std::fmt;

/// What [`certify`](super::certify()) found.
///
/// Printed it is a page: the verdict, how it was found, a line for each number that was compared.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The verdict on the estimator.
    pub verdict: Verdict,
    /// What the estimates were compared with.
    pub reference: Reference,
    /// The loss and every element of every parameter, in order of creation.
    pub numbers: Vec<Number>,
    /// How many estimates were sampled.
    pub steps: usize,
    /// The probability of a verdict [`Biased`](Verdict::Biased) by sampling on an estimator that is not.
    pub alpha: f64,
    /// Whether rows of plates were seen not to mix.
    pub rows_apart: Promise,
    /// Whether the programs gave the same bits from the same draws.
    pub pure: Promise,
    /// The guide's sites whose gradients are [marked biased](rushlight_trace::Site::biased).
    pub marked_biased: Vec<String>,
}

/// Whether the mean of the estimates is the gradient.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Verdict {
    /// It is: by summing over all outcomes; or, where that cannot be done, up to the tolerance.
    Unbiased,
    /// It is not.
    Biased {
        /// The parameter that is off most, or `loss`.
        param: String,
        /// By how many standard errors of the sampled mean; few where only the sum over all outcomes shows it.
        z: f64,
    },
    /// The steps did not suffice to tell, or nothing could be compared.
    Undecided,
}

/// What estimates were compared with.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Reference {
    /// The exact gradient of the ELBO, summed over all outcomes.
    Outcomes {
        /// How many there are.
        count: usize,
    },
    /// The same, integrated over the one continuous latent.
    Quadrature {
        /// How many values the continuous latent takes.
        nodes: usize,
        /// How many outcomes there are in all.
        count: usize,
    },
    /// Differences of the estimator's own loss, averaged over all tuples of outcomes: it is another one than the ELBO's.
    Differences {
        /// How many tuples there are.
        count: usize,
    },
    /// The score of everything times the whole cost, of the same particles.
    Definition {
        /// Why there is no exact gradient.
        reason: String,
    },
}

/// One number that was compared: the loss, or an element of a gradient.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Number {
    /// The parameter, or `loss`.
    pub param: String,
    /// Which element of it, row-major.
    pub element: usize,
    /// What the mean has to be; the mean of the reference's estimates where that is sampled.
    pub exact: f64,
    /// The mean of the sampled estimates.
    pub mean: f64,
    /// The variance of the sampled estimates.
    pub variance: f64,
    /// The sampled mean's error, in its standard errors.
    pub z: f64,
    /// The level at which the number is found wrong, corrected for how many are compared and for stopping at will.
    pub p: f64,
    /// How far off the mean over all outcomes is, at worst; `None` where it cannot be had.
    pub bias: Option<f64>,
}

/// A promise of the programs' author.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Promise {
    /// Nothing to the contrary was seen.
    Kept,
    /// This was seen.
    Broken(String),
}

impl Report {
    /// Whether the estimator is unbiased, and both promises are kept.
    pub fn is_unbiased(&self) -> bool {
        let kept = self.rows_apart == Promise::Kept && self.pure == Promise::Kept;
        self.verdict == Verdict::Unbiased && kept
    }

    /// For tests.
    ///
    /// # Panics
    ///
    /// Panics with the report unless [`is_unbiased`](Self::is_unbiased).
    #[track_caller]
    pub fn assert_unbiased(&self) {
        assert!(self.is_unbiased(), "not certified\n{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbiased => f.write_str("unbiased"),
            Self::Biased { param, z } => write!(f, "biased: `{param}`, z = {z:.1}"),
            Self::Undecided => f.write_str("undecided"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcomes { count } => write!(f, "all {count} outcomes"),
            Self::Quadrature { nodes, count } => {
                write!(f, "all {count} outcomes, with {nodes} values of the continuous latent")
            }
            Self::Differences { count } => {
                write!(
                    f,
                    "differences of the estimator's own loss, over all {count} tuples of outcomes"
                )
            }
            Self::Definition { reason } => {
                write!(f, "the definition, on the same particles, because {reason}")
            }
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Broken(how) => write!(f, "broken: {how}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "verdict      {}", self.verdict)?;
        writeln!(f, "compared by  {}", self.reference)?;
        writeln!(
            f,
            "sampled      {} estimates; false alarms with probability {:e}",
            self.steps, self.alpha
        )?;
        let off = |n: &&Number| n.bias.is_some_and(|bias| bias != 0.0);
        if let Some(first) = self.numbers.iter().find(off) {
            let count = self.numbers.iter().filter(off).count();
            writeln!(f, "summed       {count} means are off, the first that of `{}`", first.param)?;
        }
        writeln!(f, "rows apart   {}", self.rows_apart)?;
        writeln!(f, "pure         {}", self.pure)?;
        if !self.marked_biased.is_empty() {
            let sites: Vec<String> = self.marked_biased.iter().map(|s| format!("`{s}`")).collect();
            writeln!(
                f,
                "marked       {}: the gradients of their draws are biased",
                sites.join(", ")
            )?;
        }
        let width = self.numbers.iter().map(|n| n.param.len()).max().unwrap_or(0).max(5);
        writeln!(
            f,
            "{:width$}       {:>12} {:>12} {:>11} {:>7} {:>9} {:>9}",
            "", "exact", "mean", "variance", "z", "p", "bias"
        )?;
        for n in &self.numbers {
            let bias = n.bias.map_or_else(|| "-".to_owned(), |bias| format!("{bias:.1e}"));
            writeln!(
                f,
                "{:width$} {:>5} {:>12.5e} {:>12.5e} {:>11.3e} {:>7.2} {:>9.1e} {bias:>9}",
                n.param, n.element, n.exact, n.mean, n.variance, n.z, n.p
            )?;
        }
        Ok(())
    }
}
