//! A run that stops, in a process that ends there, and goes on in another: equal bits to one that never stopped.
//!
//! `cargo test --release -p rushlight --test resume`.

mod killed;
mod program;

use program::{Latents, data, model_and_guide};
use rushlight::prelude::*;
use rushlight::{Adagrad, AdamW, ClippedAdam, Optimizer, RmsProp, Schedule};

const STEPS: u64 = 20;

const ESTIMATORS: [&str; 7] = [
    "TraceGraphElbo",
    "TraceElbo",
    "MeanFieldElbo",
    "LeaveOneOut",
    "IwaeElbo",
    "RenyiElbo",
    "ReweightedWakeSleep",
];

type Boxed = Box<dyn Optimizer>;
type Make = fn() -> Boxed;

fn optimizers() -> Vec<(&'static str, Make)> {
    vec![
        ("Adam", || Box::new(Adam::new(0.05))),
        ("Adam, clipped", || Box::new(Adam::new(0.05).clip_norm(1.0).clip_value(0.8))),
        ("AdamW", || Box::new(AdamW::new(0.05).schedule(Schedule::one_cycle(STEPS)))),
        ("ClippedAdam", || Box::new(ClippedAdam::new(0.05).lrd(0.97).lr_for("net", 0.01))),
        ("RmsProp", || Box::new(RmsProp::new(0.01).schedule(Schedule::exponential(0.9)))),
        ("RmsProp, all", || Box::new(RmsProp::new(0.01).momentum(0.8).centered(true))),
        ("Adagrad", || Box::new(Adagrad::new(0.05).lr_decay(0.01).initial_accumulator(0.1))),
        ("Sgd", || Box::new(Sgd::new(0.01).schedule(Schedule::cosine(15, 0.1).warm_up(5)))),
        ("Sgd, momentum", || Box::new(Sgd::new(0.01).momentum(0.8).nesterov(true))),
    ]
}

/// Losses from `from` on, and everything that is remembered at `to`.
fn run(
    latents: Latents,
    estimator: &str,
    optimizer: Boxed,
    from: Option<&[u8]>,
    to: u64,
) -> (Vec<u64>, Vec<u8>) {
    let (model, guide) = model_and_guide(latents);
    let svi = Svi::new(model, guide).optimizer(optimizer);
    let svi = match estimator {
        "TraceGraphElbo" => svi.estimator(TraceGraphElbo::new().with_particles(2)),
        "TraceElbo" => svi.estimator(TraceElbo::new()),
        "MeanFieldElbo" => svi.estimator(MeanFieldElbo::new()),
        "LeaveOneOut" => svi.estimator(LeaveOneOut::new(2)),
        "IwaeElbo" => svi.estimator(IwaeElbo::new(2)),
        "RenyiElbo" => svi.estimator(RenyiElbo::new(2, 0.5)),
        "ReweightedWakeSleep" => svi.estimator(ReweightedWakeSleep::new(2)),
        other => panic!("no estimator is called {other}"),
    };
    let mut svi = svi.seed(5);
    if let Some(bytes) = from {
        // The seed is the file's.
        svi = svi.seed(6);
        svi.load_bytes(bytes).unwrap();
    }
    let batches = Batches::new(&[&data()], 2).unwrap().seed(3);
    let mut losses = Vec::new();
    let left = (to - svi.steps_taken()) as usize;
    for batch in batches.from_step(svi.steps_taken()).take(left) {
        let batch = &batch.unwrap()[0];
        losses.push(svi.step(batch).unwrap().to_bits());
        if svi.steps_taken() % 3 == 0 {
            losses.push(svi.evaluate_loss(batch).unwrap().to_bits());
        }
    }
    assert_eq!(svi.steps_taken(), to);
    (losses, svi.to_bytes().unwrap())
}

/// Every optimizer, estimator and kind of latent and baseline; minibatches that stop in the middle of an epoch.
#[test]
fn every_optimizer_and_baseline_goes_on_with_equal_bits() {
    for (name, optimizer) in optimizers() {
        for latents in Latents::ALL {
            // An estimator's state knows nothing of the optimizer's.
            let estimators = if name == "Adam" { &ESTIMATORS[..] } else { &ESTIMATORS[..2] };
            for estimator in estimators {
                let run = |from: Option<&[u8]>, to| run(latents, estimator, optimizer(), from, to);
                let (losses, end) = run(None, STEPS);
                for stop in [1, 7] {
                    let (mut found, bytes) = run(None, stop);
                    let (rest, found_end) = run(Some(&bytes), STEPS);
                    found.extend(rest);
                    let at = format!("{name}, {latents:?}, {estimator}, stopped at {stop}");
                    assert_eq!(found, losses, "{at}");
                    assert_eq!(found_end, end, "{at}");
                }
            }
        }
    }
}

/// What makes the test above one: a file without a part of the state gives other bits.
#[test]
fn every_part_of_the_state_counts() {
    /// Adam, which a checkpoint knows nothing of.
    #[derive(Debug)]
    struct Forgetful(Adam);
    impl Optimizer for Forgetful {
        fn step(&mut self, updates: &[rushlight::Update]) -> Result<()> {
            self.0.step(updates)
        }
    }
    let adam = || Adam::new(0.05);
    let latents = Latents::Average;
    let losses = |optimizer: Boxed, from: Option<&[u8]>, to| {
        run(latents, "TraceGraphElbo", optimizer, from, to)
    };
    let (through, _) = losses(Box::new(adam()), None, STEPS);

    let (_, bytes) = losses(Box::new(Forgetful(adam())), None, 7);
    let (rest, _) = losses(Box::new(Forgetful(adam())), Some(&bytes), STEPS);
    assert_ne!(rest[..], through[through.len() - rest.len()..]);

    let (_, bytes) = losses(Box::new(adam()), None, 7);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap().tensors();
    let kept = tensors.into_iter().filter(|(name, _)| !name.starts_with("estimator/"));
    let without = safetensors::serialize(kept, header.metadata().clone()).unwrap();
    let (rest, _) = losses(Box::new(adam()), Some(&without), STEPS);
    assert_ne!(rest[..], through[through.len() - rest.len()..]);
    let (rest, _) = losses(Box::new(adam()), Some(&bytes), STEPS);
    assert_eq!(rest[..], through[through.len() - rest.len()..]);
}

/// The same fit gives the same file.
#[test]
fn a_file_is_no_accident() {
    let of = || run(Latents::Network, "TraceGraphElbo", Box::new(Adam::new(0.05)), None, 5).1;
    assert_eq!(of(), of());
}

/// A fit that is under way may go back to a file too.
#[test]
fn going_back_is_going_on() {
    let (model, guide) = model_and_guide(Latents::Network);
    let mut svi = Svi::new(model, guide).optimizer(Adam::new(0.1));
    let x = data();
    for _ in 0..4 {
        svi.step(&x).unwrap();
    }
    let bytes = svi.to_bytes().unwrap();
    let go_on = |svi: &mut Svi<Tensor, _, _>| {
        let losses: Vec<u64> = (0..3).map(|_| svi.step(&x).unwrap().to_bits()).collect();
        (losses, svi.to_bytes().unwrap())
    };
    let first = go_on(&mut svi);
    svi.load_bytes(&bytes).unwrap();
    assert_eq!(svi.to_bytes().unwrap(), bytes);
    assert_eq!(go_on(&mut svi), first);
}
