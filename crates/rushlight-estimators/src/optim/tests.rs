//! Every optimizer: known trajectories, the two paths, threads, options, and a stop in between.

use super::*;
use candle_core::{DType, Device};
use rushlight_trace::Error;

const GRADIENTS: [f64; 5] = [1.0, -2.0, 0.5, 30.0, -0.25];

fn update(name: &str, var: &Var, gradient: Tensor) -> Update {
    Update { name: name.into(), var: var.clone(), gradient }
}

fn numbers(var: &Tensor) -> Vec<f64> {
    var.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// Where a parameter that starts at 0.75 is after each gradient.
fn trajectory(optimizer: &mut dyn Optimizer) -> [f64; 5] {
    let var = Var::new(0.75f64, &Device::Cpu).unwrap();
    GRADIENTS.map(|g| {
        let gradient = Tensor::new(g, &Device::Cpu).unwrap();
        optimizer.step(&[update("x", &var, gradient)]).unwrap();
        var.to_scalar::<f64>().unwrap()
    })
}

/// Five steps as `trajectories.py` has them, which transcribes the formulas of torch and Pyro.
#[test]
fn known_trajectories() {
    macro_rules! known {
        ($($optimizer:expr => $expected:expr,)*) => {
            $(
                let found = trajectory(&mut $optimizer);
                for (t, (x, y)) in found.into_iter().zip($expected).enumerate() {
                    assert!((x - y).abs() < 1e-14, "{} step {t}: {x} is not {y}", stringify!($optimizer));
                }
            )*
        };
    }
    known! {
        Adam::new(0.1) =>
            [0.650000001, 0.6866103534720749, 0.7002794196738216, 0.6431867647197665, 0.5953855882825012],
        Adam::new(0.1).betas(0.8, 0.95).eps(1e-3).weight_decay(0.3) =>
            [0.6500815660685155, 0.6796357556816326, 0.6782699634736246, 0.6131183524916527, 0.5614016064757269],
        AdamW::new(0.1) =>
            [0.649250001, 0.6852111034710748, 0.6981949585693504, 0.640404108656726, 0.591962528110804],
        AdamW::new(0.2).betas(0.8, 0.95).eps(1e-3).weight_decay(0.3) =>
            [0.5051998001998002, 0.5585214418099813, 0.5536037733894384, 0.3918372835594478, 0.26708811839484625],
        ClippedAdam::new(0.1) =>
            [0.6500000316227666, 0.6866103791483481, 0.7002794435658417, 0.6461296674771319, 0.6017039743160703],
        ClippedAdam::new(0.1).lrd(0.9).clip_value(0.7).eps(1e-2).weight_decay(0.3) =>
            [0.6829293121864705, 0.6680314387070729, 0.6383802013929567, 0.6015774447840498, 0.5748109874211036],
        RmsProp::new(0.01) =>
            [0.6500000099999991, 0.7395323021991522, 0.7175849505350489, 0.6178691898800264, 0.6187043116752358],
        RmsProp::new(0.01).centered(true).alpha(0.9) =>
            [0.7166666677777778, 0.7455975364661299, 0.738254109960899, 0.7050602371156048, 0.7053499982792805],
        RmsProp::new(0.01).momentum(0.5).weight_decay(0.3) =>
            [0.6500000081632646, 0.6828745565097802, 0.6683808604008857, 0.5614146637876024, 0.5082022766580059],
        RmsProp::new(0.02).momentum(0.5).centered(true).eps(1e-2) =>
            [0.5673495026313021, 0.6475842164211584, 0.6456428946523816, 0.4449417753910794, 0.34626371705119463],
        Adagrad::new(0.01) =>
            [0.740000000001, 0.7489442719105991, 0.7467620930083344, 0.736791132688016, 0.7368742211557836],
        Adagrad::new(0.05).lr_decay(0.1).initial_accumulator(0.5).weight_decay(0.3).eps(1e-3) =>
            [0.7067270691025046, 0.74236008265438, 0.7297743286216628, 0.6914339457322882, 0.6914840983948483],
        Sgd::new(0.1) => [0.65, 0.85, 0.8, -2.2, -2.175],
        Sgd::new(0.1).momentum(0.9) => [0.65, 0.76, 0.809, -2.1469, -4.78221],
        Sgd::new(0.1).momentum(0.9).nesterov(true).weight_decay(0.3) =>
            [0.51725, 0.76854175, 0.6898631952500001, -5.054519078904251, -7.170229231873784],
    }
}

/// One of each kind of rule, with every option that passes through the base.
macro_rules! for_all {
    ($optimizer:ident => $body:expr) => {
        for_all!(@ $optimizer, $body,
            Adam::new(0.1),
            Adam::new(0.1).weight_decay(0.2).clip_value(1.5).clip_norm(2.0),
            AdamW::new(0.1).weight_decay(0.2).weight_decay_for("y", 0.0).schedule(Schedule::exponential(0.8)),
            ClippedAdam::new(0.1).lrd(0.9).clip_value(1.0),
            RmsProp::new(0.1).clip_norm(1.0),
            RmsProp::new(0.1).centered(true),
            RmsProp::new(0.1).momentum(0.7),
            RmsProp::new(0.1).momentum(0.7).centered(true).weight_decay(0.1),
            Adagrad::new(0.1).lr_decay(0.1).initial_accumulator(0.2),
            Sgd::new(0.1).lr_for("y", 0.3),
            Sgd::new(0.1).momentum(0.7).schedule(Schedule::cosine(4, 0.1).warm_up(2)),
            Sgd::new(0.1).momentum(0.7).nesterov(true)
        )
    };
    (@ $optimizer:ident, $body:expr, $($each:expr),*) => {
        $({
            let $optimizer = || $each;
            #[allow(clippy::redundant_closure_call)]
            $body(stringify!($each));
        })*
    };
}

/// Two parameters, one of which has no gradient at every third step.
fn steps(optimizer: &mut dyn Optimizer, vars: &[Var; 2], range: std::ops::Range<usize>) {
    for t in range {
        let mut updates = Vec::new();
        for (k, (name, var)) in ["x", "y"].into_iter().zip(vars).enumerate() {
            if k == 1 && t % 3 == 2 {
                continue;
            }
            let n = var.elem_count() as f64;
            let shift = (t * (k + 1)) as f64;
            let gradient = Tensor::arange(0.0, n, &Device::Cpu).unwrap();
            let gradient = (gradient + shift).unwrap().sin().unwrap().affine(3.0, 0.1).unwrap();
            let gradient = gradient.reshape(var.dims()).unwrap().to_dtype(var.dtype()).unwrap();
            updates.push(update(name, var, gradient));
        }
        optimizer.check(&updates).unwrap();
        optimizer.step(&updates).unwrap();
    }
}

fn vars(dtype: DType) -> [Var; 2] {
    [vec![2, 3], vec![4]].map(|shape| {
        let start = Tensor::ones(shape, dtype, &Device::Cpu).unwrap();
        Var::from_tensor(&start.affine(0.7, 0.0).unwrap()).unwrap()
    })
}

/// The path of other devices, forced on the CPU, against the pass: 10 roundings of f64 apart at most.
#[test]
fn the_composite_path_is_the_same() {
    for_all!(make => |name| {
        let (fused, composite) = (vars(DType::F64), vars(DType::F64));
        steps(&mut make(), &fused, 0..7);
        let mut optimizer = make();
        optimizer.base.composite = true;
        steps(&mut optimizer, &composite, 0..7);
        for (a, b) in fused.iter().zip(&composite) {
            for (a, b) in numbers(a).into_iter().zip(numbers(b)) {
                assert!((a - b).abs() < 10.0 * f64::EPSILON, "{name}: {a} is not {b}");
                assert_ne!(a, 0.7, "{name}");
            }
        }
    });
}

/// In f32 and f64, after any step, also where a parameter was without gradient at the time.
#[test]
fn a_state_goes_on_with_equal_bits() {
    for_all!(make => |name| {
        for (dtype, composite) in [(DType::F32, false), (DType::F64, false), (DType::F64, true)] {
            for stop in [0, 1, 3, 7] {
                let make = || {
                    let mut optimizer = make();
                    optimizer.base.composite = composite;
                    optimizer
                };
                let (through, stopped) = (vars(dtype), vars(dtype));
                steps(&mut make(), &through, 0..8);
                let mut first = make();
                steps(&mut first, &stopped, 0..stop);
                let mut second = make();
                second.set_state(&first.state().unwrap()).unwrap();
                drop(first);
                steps(&mut second, &stopped, stop..8);
                let bits = |vars: &[Var; 2]| vars.each_ref().map(|v| numbers(v));
                assert_eq!(bits(&through), bits(&stopped), "{name}, {dtype:?}, stopped at {stop}");
            }
        }
    });
}

/// On any number of threads; more elements than one thread takes, cut unevenly.
#[test]
fn threads_do_not_change_bits() {
    let n = in_place::PARALLEL_FROM + in_place::CHUNK / 3;
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let vars = [n, 1].map(|n| Var::ones(n, DType::F32, &Device::Cpu).unwrap());
            steps(&mut Adam::new(0.1).clip_norm(1.0).clip_value(2.9), &vars, 0..3);
            numbers(&vars[0])
        })
    };
    let one = run(1);
    assert_eq!(one, run(3));
    // One thread in one piece has the same numbers.
    let alone = [5, 1].map(|n| Var::ones(n, DType::F32, &Device::Cpu).unwrap());
    steps(&mut Adam::new(0.1), &alone, 0..1);
    let many = [n, 1].map(|n| Var::ones(n, DType::F32, &Device::Cpu).unwrap());
    steps(&mut Adam::new(0.1), &many, 0..1);
    assert_eq!(numbers(&alone[0]), numbers(&many[0])[..5]);
}

#[test]
fn without_a_gradient_nothing_moves() {
    for_all!(make => |name| {
        let mut optimizer = make();
        let vars = vars(DType::F64);
        steps(&mut optimizer, &vars, 0..2);
        let before = optimizer.state().unwrap();
        let values = vars.each_ref().map(|v| numbers(v));
        // The third step has no gradient of the second parameter.
        steps(&mut optimizer, &vars, 2..3);
        let after = optimizer.state().unwrap();
        assert_eq!(numbers(&vars[1]), values[1], "{name}");
        assert_ne!(numbers(&vars[0]), values[0], "{name}");
        for entry in before.names().filter(|entry| entry.ends_with("/y")) {
            let of = |state: &State| numbers(state.tensor(entry).unwrap());
            assert_eq!(of(&before), of(&after), "{name}: {entry}");
        }
        assert_eq!(after.count("updates/y").unwrap(), 2);
        assert_eq!(after.count("steps").unwrap(), 3);
    });
}

/// `min(1, norm / (‖g‖ + 1e-6))` over all parameters, after the bound of each element.
#[test]
fn clipping_by_value_then_by_the_norm_of_all() {
    let moved = |optimizer: &mut Sgd, dtype| {
        let vars = [[0.0, 0.0], [0.0, 0.0]].map(|x: [f64; 2]| {
            Var::from_tensor(&Tensor::new(&x, &Device::Cpu).unwrap().to_dtype(dtype).unwrap())
                .unwrap()
        });
        let gradients = [[3.0, -40.0], [0.0, 12.0]]
            .map(|g: [f64; 2]| Tensor::new(&g, &Device::Cpu).unwrap().to_dtype(dtype).unwrap());
        let [a, b] = gradients;
        optimizer.step(&[update("a", &vars[0], a), update("b", &vars[1], b)]).unwrap();
        [numbers(&vars[0]), numbers(&vars[1])].concat()
    };
    let close = |found: Vec<f64>, expected: [f64; 4], within: f64| {
        for (x, y) in found.iter().zip(expected) {
            assert!((x - y).abs() < within, "{found:?} is not {expected:?}");
        }
    };
    for (dtype, within) in [(DType::F64, 1e-14), (DType::F32, 1e-6), (DType::BF16, 0.05)] {
        close(moved(&mut Sgd::new(1.0), dtype), [-3.0, 40.0, 0.0, -12.0], within);
        close(moved(&mut Sgd::new(1.0).clip_value(4.0), dtype), [-3.0, 4.0, 0.0, -4.0], within);
        // The norm of (3, -4, 0, 12) is 13.
        let f = 6.5 / (13.0 + 1e-6);
        let both = moved(&mut Sgd::new(1.0).clip_value(12.0).clip_norm(1e9), dtype);
        close(both, [-3.0, 12.0, 0.0, -12.0], within);
        let norm = f64::sqrt(9.0 + 16.0 + 16.0);
        let g = 2.0 / (norm + 1e-6);
        let both = moved(&mut Sgd::new(1.0).clip_value(4.0).clip_norm(2.0), dtype);
        close(both, [-3.0 * g, 4.0 * g, 0.0, -4.0 * g], within);
        let all = f64::sqrt(9.0 + 1600.0 + 144.0);
        let h = 6.5 / (all + 1e-6);
        assert!(f > h);
        close(
            moved(&mut Sgd::new(1.0).clip_norm(6.5), dtype),
            [-3.0 * h, 40.0 * h, 0.0, -12.0 * h],
            within,
        );
    }
}

/// Values of torch's schedulers by hand.
#[test]
fn schedules() {
    let close = |schedule: &Schedule, expected: &[(u64, f64)]| {
        for &(step, factor) in expected {
            let found = schedule.factor(step);
            assert!(
                (found - factor).abs() < 1e-15,
                "{schedule:?} at {step}: {found} is not {factor}"
            );
        }
    };
    close(&Schedule::constant(), &[(0, 1.0), (1_000, 1.0)]);
    close(&Schedule::exponential(0.5), &[(0, 1.0), (3, 0.125)]);
    close(&Schedule::steps(10, 0.1), &[(0, 1.0), (9, 1.0), (10, 0.1), (25, 0.01)]);
    let cosine = Schedule::cosine(8, 0.2);
    let root = 0.5f64.sqrt();
    close(&cosine, &[(0, 1.0), (2, 0.2 + 0.4 * (1.0 + root)), (4, 0.6), (8, 0.2), (99, 0.2)]);
    close(&cosine.warm_up(3), &[(0, 0.25), (2, 0.75), (3, 1.0), (7, 0.6), (11, 0.2)]);
    // Up over steps 0 to 0.3 · 20 − 1 = 5, down to step 19.
    let (start, end) = (0.04, 4e-6);
    let up = |part: f64| 1.0 + (start - 1.0) * (1.0 + (std::f64::consts::PI * part).cos()) / 2.0;
    let cycle = Schedule::one_cycle(20);
    close(
        &cycle,
        &[(0, start), (2, up(0.4)), (5, 1.0), (12, (1.0 + end) / 2.0), (19, end), (30, end)],
    );
    close(&Schedule::one_cycle(1), &[(0, end), (1, end)]);
    close(&Schedule::function(|t| t as f64).warm_up(1), &[(0, 0.5), (1, 0.0), (4, 3.0)]);
}

/// The schedule counts steps of the optimizer, and multiplies each rate.
#[test]
fn a_schedule_multiplies_the_rates() {
    let vars = ["a", "b"].map(|name| (name, Var::new(0.0f64, &Device::Cpu).unwrap()));
    let mut sgd = Sgd::new(1.0).lr_for("b", 10.0).schedule(Schedule::exponential(0.5));
    for t in 0..3 {
        let one = Tensor::new(1f64, &Device::Cpu).unwrap();
        let present = &vars[..if t == 1 { 1 } else { 2 }];
        let updates: Vec<_> = present.iter().map(|(n, v)| update(n, v, one.clone())).collect();
        sgd.step(&updates).unwrap();
    }
    let found = vars.map(|(_, var)| var.to_scalar::<f64>().unwrap());
    assert_eq!(found, [-(1.0 + 0.5 + 0.25), -(10.0 + 2.5)]);
}

/// With equal gradients the variance is 0 up to rounding: without its guard this is a NaN.
#[test]
fn centered_steps_along_equal_gradients_stay_finite() {
    let var = Var::new(&[0f32, 0.0], &Device::Cpu).unwrap();
    let gradient = Tensor::new(&[0.1f32, 3.3], &Device::Cpu).unwrap();
    let mut optimizer = RmsProp::new(1e-9).centered(true).alpha(0.9);
    for _ in 0..2_000 {
        optimizer.step(&[update("x", &var, gradient.clone())]).unwrap();
    }
    assert!(numbers(&var).iter().all(|x| x.is_finite()), "{var}");
}

#[test]
fn what_cannot_be_used_is_refused() {
    let var = Var::new(&[1f32, 2.0], &Device::Cpu).unwrap();
    let updates = [update("net.weight", &var, Tensor::new(&[1f32, 1.0], &Device::Cpu).unwrap())];
    let refused = |optimizer: &dyn Optimizer, option: &str| {
        let found = optimizer.check(&updates);
        let Err(Error::OptimizerOption { param, option: told, .. }) = found else {
            panic!("{found:?}")
        };
        assert_eq!((&*param, told), ("net.weight", option));
    };
    refused(&Adam::new(f64::NAN), "learning rate");
    refused(&Adam::new(1.0).lr_with(|_| Some(-1.0)), "learning rate");
    refused(&Sgd::new(1.0).schedule(Schedule::function(|_| f64::INFINITY)), "learning rate");
    refused(&AdamW::new(1.0).weight_decay_for("net", -0.1), "weight decay");
    let mut optimizer = Adam::new(0.1);
    optimizer.step(&updates).unwrap();
    let double = Var::new(&[1f64, 2.0], &Device::Cpu).unwrap();
    let longer = Var::new(&[1f32, 2.0, 3.0], &Device::Cpu).unwrap();
    for other in [double, longer] {
        let updates = [update("net.weight", &other, other.zeros_like().unwrap())];
        assert!(matches!(optimizer.check(&updates), Err(Error::StateMisfit { .. })));
        assert!(matches!(optimizer.step(&updates), Err(Error::StateMisfit { .. })));
    }
}

/// The state of another optimizer, or of one made in another way, is refused and changes nothing.
#[test]
fn a_state_of_another_optimizer_is_refused() {
    let vars = vars(DType::F64);
    let mut momentum = Sgd::new(0.1).momentum(0.9);
    steps(&mut momentum, &vars, 0..2);
    let with = momentum.state().unwrap();
    let mut plain = Sgd::new(0.1);
    steps(&mut plain, &vars, 0..3);
    let without = plain.state().unwrap();
    let entry = "momentum_buffer/x";
    let found = plain.set_state(&with);
    assert!(matches!(&found, Err(Error::StateUnknown { entry: e, .. }) if e == entry), "{found:?}");
    let found = momentum.set_state(&without);
    assert!(matches!(&found, Err(Error::StateMissing { entry: e, .. }) if e == entry), "{found:?}");
    let found = Adam::new(0.1).set_state(&with);
    assert!(matches!(&found, Err(Error::StateKind { found, .. }) if found == "Sgd"), "{found:?}");
    assert_eq!(plain.state().unwrap().count("steps").unwrap(), 3);
    assert_eq!(momentum.state().unwrap().count("steps").unwrap(), 2);
}
