//! The one error that users meet: one enum, and therefore one file, in groups.

use rushlight_distributions::{self as distributions, Constraint};
use std::panic::Location;
use std::path::PathBuf;

/// A result whose error is, by default, rushlight's.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, ParamStore, Result, Run};
///
/// fn program(ctx: &mut Ctx) -> Result<f32> {
///     Ok(ctx.sample("z", Normal::new(0.0, 1e-9)?)?.to_scalar()?)
/// }
///
/// let (_, z) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(program)?;
/// assert!(z.abs() < 1e-7);
/// # Ok::<(), rushlight_trace::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a program, of its parameters, or of its fit.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Normal, Rng};
/// use rushlight_trace::{Ctx, Error, ParamStore, Run};
///
/// let program = |ctx: &mut Ctx| {
///     ctx.sample("z", Normal::new(0.0, 1.0)?)?;
///     ctx.sample("z", Normal::new(0.0, 1.0)?)
/// };
/// match Run::new(&ParamStore::default(), Rng::seed(0)).execute(program) {
///     Err(e @ Error::DuplicateSite { .. }) => assert_eq!(
///         e.to_string(),
///         "site `z` occurs twice in one run; give each site its own name"
///     ),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Sites.
    /// Two sites of a run have the same name.
    #[error("site `{site}` occurs twice in one run; give each site its own name")]
    DuplicateSite {
        /// The name.
        site: String,
    },
    /// A distribution's batch shape fits no plate.
    #[error(
        "site `{site}`: batch shape {batch:?} does not fit the open plates {plates:?}; open a plate for \
         each batch dim, or make dims part of the event with `to_event`"
    )]
    PlateMismatch {
        /// The site.
        site: String,
        /// The distribution's batch shape.
        batch: Vec<usize>,
        /// The open plates, as `name=size`, rightmost dim first.
        plates: Vec<String>,
    },
    /// An observed value has the wrong shape.
    #[error(
        "site `{site}`: a value of shape {value:?} does not broadcast to {expected:?} (plates, then event); \
         check the plate sizes against the data, or reshape it"
    )]
    ValueShape {
        /// The site.
        site: String,
        /// The value's shape.
        value: Vec<usize>,
        /// The shape that the site has.
        expected: Vec<usize>,
    },
    /// A value lies outside the support of its distribution.
    #[error(
        "site `{site}`: the value {value} is outside the support of {distribution}, which must be \
         {constraint}; clean the data, or choose another distribution"
    )]
    Support {
        /// The site.
        site: String,
        /// The distribution's name.
        distribution: &'static str,
        /// The support.
        constraint: Constraint,
        /// The first value that is outside.
        value: f64,
    },
    /// The model has a latent that the guide lacks.
    #[error(
        "site `{site}` of the model is neither observed nor sampled by the guide, which has {guide:?}; \
         sample it in the guide under the same name"
    )]
    MissingInGuide {
        /// The site.
        site: String,
        /// The guide's latent sites.
        guide: Vec<String>,
    },
    /// The guide has a latent that the model lacks.
    #[error(
        "site `{site}` of the guide is not sampled by the model; sample it in the model too, or mark it \
         with `.auxiliary()`"
    )]
    MissingInModel {
        /// The site.
        site: String,
    },
    /// A latent is in other plates in the model than in the guide.
    #[error(
        "site `{site}`: the guide samples it in the plates {guide:?}, the model in {model:?}; open the same \
         plates in the same order around it"
    )]
    PlatesDiffer {
        /// The site.
        site: String,
        /// The plates in the guide, as `name=size`.
        guide: Vec<String>,
        /// The plates in the model, as `name=size`.
        model: Vec<String>,
    },
    /// A value of another run was used.
    #[error(
        "site `{site}` uses a value of another run (it came from {origins:?}); model and guide talk only \
         through the trace: sample the site in both"
    )]
    ForeignValue {
        /// The site.
        site: String,
        /// The sites of the other run.
        origins: Vec<String>,
    },
    /// A value of a finished run was read.
    #[error(
        "the value of site `{site}` was read at {location} after its run had ended; model and guide talk \
         only through the trace: sample the site in both"
    )]
    LateRead {
        /// The site.
        site: String,
        /// The line that read it.
        location: &'static Location<'static>,
    },

    /// A program went on after an error that may depend on the values of latents.
    #[error(
        "the program went on after an error of site `{site}` or of its value, at {location}; return the error \
         (`?`), and branch on the value itself (`to_scalar`), which is noticed whichever way it goes"
    )]
    Recovered {
        /// The site.
        site: String,
        /// The line that failed.
        location: &'static Location<'static>,
    },

    // Plates.
    /// A plate is opened inside itself.
    #[error("plate `{plate}` is already open; give the inner plate another name")]
    PlateNested {
        /// The plate.
        plate: String,
    },
    /// A plate is opened again in another way.
    #[error(
        "plate `{plate}` was opened with {before} and now with {now}; open it alike each time, or use \
         another name"
    )]
    PlateChanged {
        /// The plate.
        plate: String,
        /// What it was.
        before: String,
        /// What it is now.
        now: String,
    },
    /// Rows of a plate mix.
    #[error(
        "plate `{plate}`: with row {row} of {redrawn:?} drawn anew, row {moved} of site `{site}` has another \
         log-probability, but rows of a plate are declared independent; find the op that mixes them (a sum, a \
         `cumsum`, a normalization along the plate), and let a site outside of the plate, or a plain `for`, take its \
         place"
    )]
    RowsMix {
        /// The plate.
        plate: String,
        /// The sites of which a row was drawn anew.
        redrawn: Vec<String>,
        /// The row.
        row: usize,
        /// The site that moved.
        site: String,
        /// The row that moved.
        moved: usize,
    },
    /// Two open plates have one dim.
    #[error(
        "plate `{plate}` is opened at dim -{dim} inside plate `{other}`, which has that dim; give one of them \
         another (`Plate::new(..).dim(..)`)"
    )]
    PlateCollision {
        /// The plate, as `name=size`.
        plate: String,
        /// The plate that has the dim, as `name=size`.
        other: String,
        /// The dim, counted from the right.
        dim: usize,
    },
    /// A plate's dim is not counted from the right.
    #[error("plate `{plate}`: dim {dim} is not counted from the right; the last is -1")]
    PlateDim {
        /// The plate.
        plate: String,
        /// The dim that was asked for.
        dim: isize,
    },
    /// A plate is a batch dim and sequential too.
    #[error(
        "plate `{plate}` is opened as a batch dim (`plate`) and row by row (`rows`); use one of them, or another \
         name"
    )]
    PlateBothWays {
        /// The plate.
        plate: String,
    },
    /// The given rows of a plate are no list of row numbers.
    #[error("plate `{plate}`: rows of shape {rows:?}; give a list of row numbers, of one dim")]
    PlateRowsShape {
        /// The plate.
        plate: String,
        /// The shape of what was given.
        rows: Vec<usize>,
    },
    /// A given row does not exist.
    #[error("plate `{plate}`: row {row} does not exist; rows are numbered 0 to {}", size - 1)]
    PlateRowOutside {
        /// The plate.
        plate: String,
        /// The row.
        row: i64,
        /// How many rows the plate has.
        size: usize,
    },
    /// Guide and model take different rows of a plate.
    #[error(
        "plate `{plate}`: other rows are given than before (in the guide, or where it was opened first); give the \
         same each time"
    )]
    PlateRowsDiffer {
        /// The plate.
        plate: String,
    },
    /// Data has neither one row nor all rows of a plate.
    #[error(
        "plate `{plate}` has {size} rows, but data of shape {shape:?} has another number at dim -{dim}; give data \
         with all rows, and the number of dims that are no plate's"
    )]
    RowsOfData {
        /// The plate.
        plate: String,
        /// How many rows the plate has.
        size: usize,
        /// The dim of the data, counted from the right.
        dim: usize,
        /// The data's shape.
        shape: Vec<usize>,
    },
    /// A plate with no rows.
    #[error("plate `{plate}` has no rows; leave it out, or give it data")]
    PlateEmpty {
        /// The plate.
        plate: String,
    },
    /// More rows are drawn than there are.
    #[error("plate `{plate}`: a subsample of {batch} of {size} rows; draw between 1 and {size}")]
    Subsample {
        /// The plate.
        plate: String,
        /// How many rows were asked for.
        batch: usize,
        /// How many rows there are.
        size: usize,
    },

    // Regions and sources.
    /// A scale is negative or not finite.
    #[error("a scale of {value}; scale by a finite number of 0 or more")]
    Scale {
        /// The first such scale.
        value: f64,
    },
    /// A mask or scale does not broadcast to the plates.
    #[error(
        "site `{site}`: masks and scales of shape {weight:?} do not broadcast to the plates {plates:?}; give one \
         number a row"
    )]
    WeightShape {
        /// The site.
        site: String,
        /// The shape of their product.
        weight: Vec<usize>,
        /// The shape of the plates.
        plates: Vec<usize>,
    },
    /// Gradients would not flow through a hidden draw.
    #[error(
        "site `{site}` is hidden, but draws of {distribution} carry no gradient to its parameters, which are \
         trained or depend on pathwise latents; do not hide it, or detach the parameters"
    )]
    HiddenGradient {
        /// The site.
        site: String,
        /// The distribution's name.
        distribution: &'static str,
    },
    /// A site has too many outcomes to run through.
    #[error(
        "site `{site}` has {parts} elements with {each} outcomes each, more than {most} in all; enumerate fewer \
         rows at a time"
    )]
    TooManyOutcomes {
        /// The site.
        site: String,
        /// The outcomes of one element.
        each: usize,
        /// The elements.
        parts: usize,
        /// The most that is allowed.
        most: usize,
    },

    /// The elements of a site were asked for, and it has none.
    #[error(
        "site `{site}`: the density of {distribution} is not a product over the elements of an event; charge whole \
         events there"
    )]
    NotElementwise {
        /// The site.
        site: String,
        /// The distribution's name.
        distribution: &'static str,
    },

    // Predictions.
    /// A number of draws that cannot be had.
    #[error(
        "{draws} draws of a prediction; ask for 1 or more{}",
        most.map_or(String::new(), |n| format!(", up to the {n} samples that the posterior has"))
    )]
    Draws {
        /// How many were asked for.
        draws: usize,
        /// How many there are, if they are samples.
        most: Option<usize>,
    },
    /// A site of which there are no draws.
    #[error(
        "there are no draws of site `{site}`, but of {known:?}; check its name (a log-likelihood has observed sites only)"
    )]
    UnknownSite {
        /// The site.
        site: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A site that is not the same in all draws.
    #[error(
        "site `{site}` is {before} in draw 0 and {now} in draw {draw}; choose sites that every draw has in one \
         shape (`.sites(..)`)"
    )]
    DrawsDiffer {
        /// The site.
        site: String,
        /// What the first draw has.
        before: String,
        /// The draw that differs.
        draw: usize,
        /// What it has.
        now: String,
    },
    /// Samples that the model has no use for.
    #[error(
        "there are samples of site `{site}`, but the model samples {model:?}; give them under the model's names"
    )]
    UnusedSamples {
        /// The site.
        site: String,
        /// The model's latent sites.
        model: Vec<String>,
    },
    /// Samples whose numbers differ.
    #[error(
        "samples of shapes {shapes:?}; their first dim is the draws: give one or more sites, with one number of draws"
    )]
    SamplesShape {
        /// The sites and the shapes of their samples.
        shapes: Vec<(String, Vec<usize>)>,
    },

    // Parameters.
    /// The initial value of a local parameter does not fit the plates.
    #[error(
        "parameter `{param}`: an initial value of shape {init:?} does not broadcast to {full:?} (all rows of the \
         plates, then event); give a value a row, or one for all"
    )]
    LocalParam {
        /// The parameter.
        param: String,
        /// The initial value's shape.
        init: Vec<usize>,
        /// The parameter's shape.
        full: Vec<usize>,
    },
    /// A parameter starts outside its constraint.
    #[error(
        "parameter `{param}` must be {constraint}, but its initial value has {value}; correct it"
    )]
    ParamOutside {
        /// The parameter.
        param: String,
        /// Its constraint.
        constraint: Constraint,
        /// The first value that is outside.
        value: f64,
    },
    /// A parameter is declared again in another way.
    #[error(
        "parameter `{param}` was declared with {before} and now with {now}; declare it alike each time, or \
         use another name"
    )]
    ParamRedeclared {
        /// The parameter.
        param: String,
        /// What it was.
        before: String,
        /// What it is now.
        now: String,
    },
    /// No such parameter.
    #[error(
        "no parameter is named `{param}`; there are {known:?} (a parameter appears when a program that \
         declares it first runs)"
    )]
    UnknownParam {
        /// The name.
        param: String,
        /// The parameters that exist.
        known: Vec<String>,
    },

    // Modules.
    /// A module with latent weights inside a plate.
    #[error(
        "module `{module}` has one set of weights, and would have one a row in the plates {plates:?}; sample \
         it before the plates are opened"
    )]
    ModuleInPlate {
        /// The module.
        module: String,
        /// The open plates, as `name=size`.
        plates: Vec<String>,
    },
    /// A prior that is not one of the weight.
    #[error(
        "site `{site}`: a prior of shape {prior:?} (batch, then event) does not broadcast to the weight's \
         shape {weight:?}; give it one number, or the weight's own shape"
    )]
    PriorShape {
        /// The site.
        site: String,
        /// The prior's batch shape, then its event shape.
        prior: Vec<usize>,
        /// The weight's shape.
        weight: Vec<usize>,
    },

    // Fits.
    /// The loss is not finite.
    #[error(
        "the loss is {loss} at step {step}: the log-probability is not finite at {sites:?}; check the data and \
         parameters there (nothing was changed)"
    )]
    NonFiniteLoss {
        /// The loss.
        loss: f64,
        /// The step.
        step: u64,
        /// The sites and their log-probabilities, as `name = value`.
        sites: Vec<String>,
    },
    /// A gradient is not finite.
    #[error(
        "the gradient of {params:?} is not finite at step {step}; it comes from the log-probability of \
         {sites:?}: lower the learning rate, or constrain what goes in there (nothing was changed)"
    )]
    NonFiniteGradient {
        /// The parameters.
        params: Vec<String>,
        /// The step.
        step: u64,
        /// The sites.
        sites: Vec<String>,
    },
    /// A baseline shares weights with the model or the guide.
    #[error(
        "site `{site}`: its baseline is trained together with parameter `{param}`, which model or guide use \
         too; give the baseline a module of its own"
    )]
    SharedBaseline {
        /// The site.
        site: String,
        /// The shared parameter.
        param: String,
    },
    /// A baseline at a site that needs none.
    #[error(
        "site `{site}`: a baseline can do nothing there, because draws of {distribution} carry gradients; \
         remove it, or hide the reparameterized sampler with `without_rsample()`"
    )]
    UselessBaseline {
        /// The site.
        site: String,
        /// The distribution's name.
        distribution: &'static str,
    },
    /// A strategy that cannot serve the site's distribution.
    #[error(
        "site `{site}`: {distribution} cannot be estimated so: {serves}; choose another strategy"
    )]
    Strategy {
        /// The site.
        site: String,
        /// The distribution's name.
        distribution: &'static str,
        /// What the strategy serves.
        serves: &'static str,
    },
    /// A baseline at a site whose strategy compares runs.
    #[error(
        "site `{site}`: a baseline can do nothing there, because runs are compared, and it is the same in all of them; \
         remove it"
    )]
    EnumeratedBaseline {
        /// The site.
        site: String,
    },
    /// An objective that takes no sites whose strategies compare runs.
    #[error(
        "site `{site}` has several runs, which this objective cannot weigh; use `TraceElbo` or `TraceGraphElbo`, \
         or another strategy"
    )]
    EnumeratedSite {
        /// The site.
        site: String,
    },
    /// A report on a variance that nobody watched.
    #[error(
        "nothing is known of the gradient's variance, because it was not watched; make the fit with \
         `.watch_variance(WatchVariance::new())`"
    )]
    NotWatched,
    /// Draws without gradients, where an estimator needs them.
    #[error(
        "{estimator} needs gradients of all draws of the guide, and those of {sites:?} carry none; sample them from \
         reparameterized distributions, or take an estimator for any site, like `TraceGraphElbo` or `IwaeElbo`"
    )]
    NotPathwise {
        /// The estimator.
        estimator: &'static str,
        /// The sites.
        sites: Vec<String>,
    },
    /// A guide whose latents depend on each other, where an estimator needs them apart.
    #[error(
        "{estimator} needs a guide whose draws do not depend on each other, and the distributions of {sites:?} were \
         computed from other draws; make them independent, or take the estimator without double reparameterization"
    )]
    NotApart {
        /// The estimator.
        estimator: &'static str,
        /// The sites.
        sites: Vec<String>,
    },
    /// A draw without a gate, where an estimator scales its gradients.
    #[error(
        "site `{site}`: the gradients of its draw have no gate; run the guide with `Run::draws(Draws::Gated)`, as `Svi` \
         does when `Estimator::draws` asks for it"
    )]
    NoGate {
        /// The site.
        site: String,
    },
    /// A baseline's prediction has the wrong shape.
    #[error(
        "site `{site}`: a baseline of shape {baseline:?} does not broadcast to the site's plates {plates:?}; \
         predict one number a row (a trailing dim of 1 is dropped)"
    )]
    BaselineShape {
        /// The site.
        site: String,
        /// The prediction's shape.
        baseline: Vec<usize>,
        /// The plates' shape.
        plates: Vec<usize>,
    },
    /// The graph of a long program needs a deeper stack than there is.
    #[error(
        "a program of {sites} sites needs a stack of {bytes} bytes to be differentiated, and there is none: {reason}; \
         raise the limit of memory, or split the program into plates"
    )]
    Stack {
        /// The sites of all particles.
        sites: usize,
        /// The stack that was asked for.
        bytes: usize,
        /// What the system said.
        reason: String,
    },
    /// Minibatches cannot be cut as asked.
    #[error(
        "batches of {size} rows from tensors with {rows:?} rows; give tensors of one length, and a size of 1 or more"
    )]
    Batches {
        /// The batch size.
        size: usize,
        /// The rows of each tensor.
        rows: Vec<usize>,
    },

    /// A learning rate or weight decay that cannot be used.
    #[error(
        "parameter `{param}`: a {option} of {value}; give a finite number of 0 or more, from closures and schedules too \
         (nothing was changed)"
    )]
    OptimizerOption {
        /// The parameter.
        param: String,
        /// `learning rate` or `weight decay`.
        option: &'static str,
        /// Its value.
        value: f64,
    },

    // Saved state.
    /// A state is of another kind of optimizer or estimator.
    #[error(
        "a state of `{found}` was given to `{expected}`; make the fit with what the state was saved of (nothing was \
         changed)"
    )]
    StateKind {
        /// What the state is of.
        found: String,
        /// What it was given to.
        expected: String,
    },
    /// A state lacks an entry.
    #[error(
        "the state of `{kind}` has no entry `{entry}`; make it with the options that the state was saved with (nothing \
         was changed)"
    )]
    StateMissing {
        /// What the state is of.
        kind: String,
        /// The entry.
        entry: String,
    },
    /// A state has an entry that nobody knows.
    #[error(
        "the state of `{kind}` has an entry `{entry}` that it has no use for; make it with the options that the state was \
         saved with (nothing was changed)"
    )]
    StateUnknown {
        /// What the state is of.
        kind: String,
        /// The entry.
        entry: String,
    },
    /// An entry of a state has another shape or dtype.
    #[error(
        "the state of `{kind}` is {found} at `{entry}`, and should be {expected}; load it into the fit that it was saved \
         of (nothing was changed)"
    )]
    StateMisfit {
        /// What the state is of.
        kind: String,
        /// The entry, or the parameter.
        entry: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A file is no checkpoint.
    #[error(
        "`{file}` is no checkpoint that `Svi::save` wrote; parameters alone are read by `ParamStore::load` (nothing was \
         changed)"
    )]
    CheckpointForeign {
        /// The file, or `<bytes>`.
        file: String,
    },
    /// A checkpoint is of a fit that was made in another way.
    #[error(
        "`{file}` was saved by a fit whose {part} is {found}, and here it is {here}; make the fit as it was made then \
         (nothing was changed)"
    )]
    CheckpointDiffers {
        /// The file, or `<bytes>`.
        file: String,
        /// `optimizer`, `estimator` or `dtype`.
        part: &'static str,
        /// What the file has.
        found: String,
        /// What the fit has.
        here: String,
    },
    /// A checkpoint lacks a parameter of the fit.
    #[error(
        "`{file}` has no parameter `{param}`, which the fit has, but {known:?}; load it into a new fit, of the programs \
         that it was saved of (nothing was changed)"
    )]
    CheckpointParam {
        /// The file, or `<bytes>`.
        file: String,
        /// The parameter.
        param: String,
        /// The parameters of the file.
        known: Vec<String>,
    },
    /// The programs of a fit use nothing of the checkpoint that was loaded.
    #[error(
        "the checkpoint has the parameters {loaded:?}, and the programs train none of them but {trained:?}; make the fit \
         of the programs that it was saved of (no step was taken)"
    )]
    CheckpointPrograms {
        /// The parameters of the checkpoint.
        loaded: Vec<String>,
        /// Those that the programs train.
        trained: Vec<String>,
    },

    // Files.
    /// A file cannot be read or written.
    #[error(
        "file `{}` could not be {action}: {source}; check the path, that its folder exists, and what you may \
         do there",
        path.display()
    )]
    File {
        /// The path.
        path: PathBuf,
        /// What was tried: `read` or `written`.
        action: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file is not what it should be, or not all of it.
    #[error(
        "`{file}` is not a whole {format} file ({reason}); take another copy of it, or write it again \
         (nothing was changed)"
    )]
    FileDamaged {
        /// The file, or `<bytes>`.
        file: String,
        /// The format that was expected.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of tensors was not written by a parameter store.
    #[error(
        "`{file}` holds tensors, but no parameters that rushlight saved; take the weights of another program \
         in with `import` (nothing was changed)"
    )]
    FileForeign {
        /// The file, or `<bytes>`.
        file: String,
    },
    /// A file was written by a newer rushlight.
    #[error(
        "`{file}` is of version {version} of the format, and this program reads versions up to {known}; \
         update rushlight (nothing was changed)"
    )]
    FileVersion {
        /// The file, or `<bytes>`.
        file: String,
        /// Its version.
        version: u32,
        /// The newest version that is understood.
        known: u32,
    },
    /// A parameter differs between a file and the store.
    #[error(
        "parameter `{param}` is of {stored} in the store and of {found} in `{file}`; declare it as the file has \
         it, or read the file into an empty store (nothing was changed)"
    )]
    FileMismatch {
        /// The parameter.
        param: String,
        /// The file, or `<bytes>`.
        file: String,
        /// Shape, dtype and constraint in the store.
        stored: String,
        /// Shape, dtype and constraint in the file.
        found: String,
    },
    /// A file has nothing that could be a weight.
    #[error(
        "`{file}` has no weights: no floating-point tensors under names of their own; save a module's \
         `state_dict`, or its tensors as safetensors"
    )]
    FileEmpty {
        /// The file.
        file: String,
    },
    /// A file has a weight that the module lacks.
    #[error(
        "`{file}` has the weight `{weight}`, and module `{module}` has only {known:?}; rename it in the file, \
         or import under another prefix (nothing was changed)"
    )]
    FileWeight {
        /// The file.
        file: String,
        /// The weight.
        weight: String,
        /// The module's name.
        module: String,
        /// The weights that the module has.
        known: Vec<String>,
    },
    /// A name that files cannot hold.
    #[error(
        "`{name}` cannot be saved under its name, which the safetensors format keeps for itself; choose \
         another"
    )]
    FileName {
        /// The name of a parameter or site.
        name: String,
    },
    /// A graph cannot be drawn.
    #[error(
        "the program `dot` of Graphviz could not draw the graph ({reason}); install Graphviz (`apt install \
         graphviz`, `brew install graphviz`), or draw what `Trace::to_dot` returns elsewhere"
    )]
    Graphviz {
        /// What the system or the program said.
        reason: String,
    },

    // What others say.
    /// An error of a distribution or tensor op, and the site where it happened.
    #[error("site `{site}`: {source}")]
    AtSite {
        /// The site.
        site: String,
        /// The error.
        source: Box<Error>,
    },
    /// An error of a distribution.
    #[error(transparent)]
    Distribution(#[from] distributions::Error),
    /// Candle's own error.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// Anybody else's error.
    #[error(transparent)]
    Other(#[from] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn strategy(site: &str, distribution: &'static str, serves: &'static str) -> Self {
        Self::Strategy { site: site.to_owned(), distribution, serves }
    }

    /// Adds the site to an error that does not name one.
    pub(crate) fn at(self, site: &str) -> Self {
        match self {
            Self::Distribution(_) | Self::Tensor(_) => {
                Self::AtSite { site: site.to_owned(), source: Box::new(self) }
            }
            named => named,
        }
    }
}
