//! Minibatches.

use candle_core::{Device, Tensor};
use rushlight_distributions::Rng;
use rushlight_distributions::rng::Role;
use rushlight_trace::{Error, Result};

/// Shuffled minibatches of tensors that have their rows along the first dim.
///
/// Every epoch has an order of its own, fixed by the seed; the last batch may be smaller.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_estimators::Batches;
///
/// let x = Tensor::arange(0f32, 5., &Device::Cpu)?;
/// let y = (&x * 10.0)?;
/// let batches = Batches::new(&[&x, &y], 2)?.seed(1);
/// let mut sizes = Vec::new();
/// for batch in batches.epoch(0) {
///     let [x, y] = batch?.try_into().expect("one tensor for each given");
///     assert_eq!((x * 10.0)?.to_vec1::<f32>()?, y.to_vec1::<f32>()?);
///     sizes.push(y.dim(0)?);
/// }
/// assert_eq!(sizes, [2, 2, 1]);
/// assert!(batches.len() == 3 && !batches.is_empty());
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batches {
    tensors: Vec<Tensor>,
    rows: usize,
    size: usize,
    seed: u64,
}

impl Batches {
    /// Batches of `size` rows of `tensors`, which have the same number of rows.
    ///
    /// # Errors
    ///
    /// [`Error::Batches`] if they do not, or if a size or the number of rows is 0.
    pub fn new(tensors: &[&Tensor], size: usize) -> Result<Self> {
        let lengths: Vec<usize> =
            tensors.iter().map(|t| t.dims().first().copied().unwrap_or(0)).collect();
        match lengths.first() {
            Some(&rows) if rows > 0 && size > 0 && lengths.iter().all(|&n| n == rows) => {
                let tensors = tensors.iter().map(|t| (*t).clone()).collect();
                Ok(Self { tensors, rows, size, seed: 0 })
            }
            _ => Err(Error::Batches { size, rows: lengths }),
        }
    }

    /// Sets the seed of the orders.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The number of batches an epoch.
    pub fn len(&self) -> usize {
        self.rows.div_ceil(self.size)
    }

    /// Whether there is no batch: never.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The batches of epoch `epoch`: one tensor for each given.
    pub fn epoch(&self, epoch: u64) -> impl Iterator<Item = Result<Vec<Tensor>>> + '_ {
        self.rest_of(epoch, 0)
    }

    /// The batches from step `step` on, one epoch after the other without end: what a fit that resumes goes on with.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use rushlight_estimators::Batches;
    ///
    /// let batches = Batches::new(&[&Tensor::arange(0f32, 5., &Device::Cpu)?], 2)?;
    /// let numbers = |batches: Vec<Tensor>| batches[0].to_vec1::<f32>();
    /// let all: Vec<_> = batches.epoch(0).chain(batches.epoch(1)).collect::<Result<_, _>>()?;
    /// // Step 4 is the second of the second epoch.
    /// let fifth = batches.from_step(4).next().expect("there is no end")?;
    /// assert_eq!(numbers(fifth)?, numbers(all[4].clone())?);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn from_step(&self, step: u64) -> impl Iterator<Item = Result<Vec<Tensor>>> + '_ {
        let each = self.len() as u64;
        let (first, done) = (step / each, (step % each) as usize);
        (first..).flat_map(move |epoch| self.rest_of(epoch, if epoch == first { done } else { 0 }))
    }

    /// The batches of an epoch but for the first `done` ones, which are not made.
    fn rest_of(&self, epoch: u64, done: usize) -> impl Iterator<Item = Result<Vec<Tensor>>> + '_ {
        let mut rng = Rng::seed(self.seed).particle(Role::Shuffle, 0).step(epoch);
        let order = rng.rows(self.rows, self.rows);
        (done..self.len()).map(move |i| {
            let rows = &order[i * self.size..((i + 1) * self.size).min(self.rows)];
            let index = Tensor::from_slice(rows, rows.len(), &Device::Cpu)?;
            self.tensors
                .iter()
                .map(|t| Ok(t.index_select(&index.to_device(t.device())?, 0)?))
                .collect()
        })
    }
}
