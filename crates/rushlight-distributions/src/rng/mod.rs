//! The one door for randomness: counter-based streams keyed by what they are for.
//!
//! A stream is *addressed*, not advanced: its key is (seed, step, role and particle, site), its counter the
//! call and the chunk within it. So the draws of one site do not depend on which thread ran it, on what
//! other sites drew before, or on how many threads fill a large tensor.
//!
//! The key is a ChaCha8 key, and what ChaCha8 makes of (call, chunk) seeds a xoshiro256++ that supplies the
//! bulk of the bits: streams are as independent as a cipher makes them, at the price of a fast generator.
//! Both are value-stable, so seeds are an API: a change of the values is tagged *value-breaking* in the
//! changelog.
//!
//! For those who write a distribution: [`draw`] makes draws by the element, [`moving`] and [`given`] carry gradients to
//! the parameters of draws that are there. A distribution of your own is written with them like the families here
//! (`docs/how-to/add-a-distribution.md` is one that is compiled).

mod bernoulli;
mod block;
mod classes;
mod elementwise;
mod fill;
mod gamma;
mod pathwise;
mod poisson;
mod standard_gamma;

pub use crate::kernel::path::Slopes;
pub(crate) use bernoulli::bernoulli;
pub(crate) use classes::Classes;
pub use elementwise::{EVERYWHERE, draw};
pub(crate) use elementwise::{draw_between, interior};
pub(crate) use gamma::{Form as GammaForm, beta, dirichlet, gamma};
pub use pathwise::{WithLocationScale, WithScale, given, moving};
pub(crate) use pathwise::{moves_as, pathwise};
pub(crate) use poisson::poisson;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a stream is drawn for; streams of different roles never meet.
///
/// # Examples
///
/// ```
/// use candle_core::{DType, Device};
/// use rushlight_distributions::Rng;
/// use rushlight_distributions::rng::Role;
///
/// let draw = |mut rng: Rng| rng.uniform(&[3], DType::F64, &Device::Cpu)?.to_vec1::<f64>();
/// let of = |role| Rng::seed(7).particle(role, 0).site("z");
/// assert_ne!(draw(of(Role::Guide))?, draw(of(Role::Model))?);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The draws of a guide.
    Guide = 0,
    /// The draws of a model.
    Model = 1,
    /// The initial values of parameters.
    Init = 2,
    /// The rows of subsampled plates, shared by the particles of a step.
    Subsample = 3,
    /// The order of minibatches.
    Shuffle = 4,
    /// Draws that only try something out.
    Check = 5,
}

/// A stream of random numbers.
///
/// # Examples
///
/// The same address gives the same draws:
///
/// ```
/// use candle_core::{DType, Device};
/// use rushlight_distributions::Rng;
/// use rushlight_distributions::rng::Role;
///
/// let draw = |mut rng: Rng| rng.uniform(&[3], DType::F64, &Device::Cpu)?.to_vec1::<f64>();
/// let site = Rng::seed(7).step(12).site("z");
/// assert_eq!(draw(site.clone())?, draw(site)?);
/// assert_ne!(draw(Rng::seed(7).site("a"))?, draw(Rng::seed(7).site("b"))?);
/// // A guide's third particle, and a model's: the last word of an address stands.
/// let guide = Rng::seed(7).particle(Role::Guide, 3);
/// assert_ne!(draw(guide.clone())?, draw(guide.role(Role::Model))?);
/// assert_eq!(draw(guide.role(Role::Model))?, draw(Rng::seed(7).particle(Role::Model, 3))?);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rng {
    key: [u64; 4],
    calls: u32,
}

const STEP: usize = 1;
const PARTICLE: usize = 2;
const SITE: usize = 3;
/// The role stands in the top byte of the particle's word.
const ROLE_SHIFT: u32 = 56;

impl Rng {
    /// The root stream of a seed.
    pub fn seed(seed: u64) -> Self {
        Self { key: [seed, 0, 0, 0], calls: 0 }
    }

    /// The same stream at another step.
    pub fn step(&self, step: u64) -> Self {
        self.at(STEP, step)
    }

    /// The same stream in another particle and role.
    ///
    /// # Panics
    ///
    /// Panics if `particle` is 2^56 or more.
    pub fn particle(&self, role: Role, particle: u64) -> Self {
        assert!(particle < 1 << ROLE_SHIFT, "particle {particle} is out of range");
        self.at(PARTICLE, (role as u64) << ROLE_SHIFT | particle)
    }

    /// The same stream in another role, of the same particle.
    pub fn role(&self, role: Role) -> Self {
        let particle = self.key[PARTICLE] & ((1 << ROLE_SHIFT) - 1);
        self.at(PARTICLE, (role as u64) << ROLE_SHIFT | particle)
    }

    /// The same stream at a named site.
    pub fn site(&self, name: &str) -> Self {
        self.at(SITE, hash(name))
    }

    fn at(&self, word: usize, value: u64) -> Self {
        let mut key = self.key;
        key[word] = value;
        Self { key, calls: 0 }
    }

    /// The generator of chunk `chunk` of call `call`.
    fn generator(&self, call: u32, chunk: u32) -> Xoshiro256PlusPlus {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip(self.key) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut cipher = ChaCha8Rng::from_seed(key);
        cipher.set_stream(u64::from(call) << 32 | u64::from(chunk));
        Xoshiro256PlusPlus::from_rng(&mut cipher)
    }

    fn next_call(&mut self) -> u32 {
        let call = self.calls;
        self.calls += 1;
        call
    }
}

/// FNV-1a: stable across versions, machines and compilers, which std's hashers are not.
fn hash(name: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    name.bytes().fold(BASIS, |h, b| (h ^ u64::from(b)).wrapping_mul(PRIME))
}
