//! What the run concludes from what happens to a sampled value: the table of the `traced` module.

use crate::support::{flat, tensor};
use candle_core::{DType, Device, Module, Result, Tensor};
use rushlight_distributions::{Distribution, Ledger, Normal, Operand, Origins, Traced};
use std::sync::Arc;

/// A run with the sites `a` and `b`, positive matrices, and `k`, an index.
struct Run {
    ledger: Arc<Ledger>,
    a: Traced,
    b: Traced,
    k: Traced,
}

fn run() -> Run {
    let ledger = Arc::new(Ledger::default());
    let site = |name: &str, t| Traced::new(t, Origins::of(ledger.register(&name.into()), &ledger));
    let a = site("a", tensor(&[1.0, 2.0, 3.0, 4.0], &[2, 2], DType::F64));
    let b = site("b", tensor(&[0.5, 1.5, 2.5, 3.5], &[2, 2], DType::F64));
    let k = site("k", Tensor::new(&[1u32, 0, 1], &Device::Cpu).unwrap());
    Run { a, b, k, ledger }
}

impl Run {
    fn origins(&self, t: &Traced) -> String {
        self.ledger.names(t.origins().sites()).concat()
    }

    /// The sites that were read, and those whose rows may have been mixed.
    fn reads(&self) -> [String; 2] {
        let reads = self.ledger.reads();
        [&reads.read, &reads.mixed].map(|sites| self.ledger.names(sites).concat())
    }

    #[track_caller]
    fn assert_reads(&self, read: &str, mixed: &str) {
        assert_eq!(self.reads(), [read, mixed]);
    }
}

struct Double;

impl Module for Double {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x * 2.0
    }
}

struct Broken;

impl Module for Broken {
    fn forward(&self, _: &Tensor) -> Result<Tensor> {
        candle_core::bail!("broken")
    }
}

fn data() -> Tensor {
    tensor(&[1.0, 0.0, 0.0, 1.0], &[2, 2], DType::F64)
}

type Operation = fn(&Run) -> Result<Traced>;
type Look = fn(&Traced);

#[test]
#[rustfmt::skip]
fn operations_unite_the_origins_and_read_nothing() {
    let table: &[(&str, &str, Operation)] = &[
        ("exp", "a", |r| r.a.exp()), ("log", "a", |r| r.a.log()), ("tanh", "a", |r| r.a.tanh()), ("relu", "a", |r| r.a.relu()),
        ("sqr", "a", |r| r.a.sqr()), ("sqrt", "a", |r| r.a.sqrt()), ("abs", "a", |r| r.a.abs()), ("powf", "a", |r| r.a.powf(1.5)),
        ("sigmoid", "a", |r| r.a.sigmoid()), ("softplus", "a", |r| r.a.softplus()), ("affine", "a", |r| r.a.affine(2.0, 1.0)),
        ("sin", "a", |r| r.a.sin()), ("cos", "a", |r| r.a.cos()), ("recip", "a", |r| r.a.recip()), ("log1p", "a", |r| r.a.log1p()), ("expm1", "a", |r| r.a.expm1()),
        ("to_dtype", "a", |r| r.a.to_dtype(DType::F32)), ("to_device", "a", |r| r.a.to_device(&Device::Cpu)), ("contiguous", "a", |r| r.a.t()?.contiguous()), ("detach", "a", |r| Ok(r.a.detach())),
        ("eq", "ab", |r| r.a.eq(&r.b)), ("ne", "ab", |r| r.a.ne(&r.b)), ("lt", "ab", |r| r.a.lt(&r.b)), ("le", "ab", |r| r.a.le(&r.b)), ("gt", "ab", |r| r.a.gt(&r.b)), ("ge", "ab", |r| r.a.ge(&r.b)),
        ("gt a number", "a", |r| r.a.gt(0.5)), ("eq of an index", "k", |r| r.k.eq(1)), ("maximum", "ab", |r| r.a.maximum(&r.b)), ("minimum", "ab", |r| r.a.minimum(&r.b)),
        ("clamp", "ab", |r| r.a.clamp(0, &r.b)), ("where_cond", "ab", |r| Traced::where_cond(r.a.gt(2)?, &r.b, 0.0)),
        ("sum", "a", |r| r.a.sum(0)), ("sum_keepdim", "a", |r| r.a.sum_keepdim(0)), ("sum_all", "a", |r| r.a.sum_all()),
        ("mean", "a", |r| r.a.mean(1)), ("mean_keepdim", "a", |r| r.a.mean_keepdim(1)), ("mean_all", "a", |r| r.a.mean_all()),
        ("max", "a", |r| r.a.max(0)), ("max_keepdim", "a", |r| r.a.max_keepdim(0)), ("min", "a", |r| r.a.min(1)), ("min_keepdim", "a", |r| r.a.min_keepdim(1)),
        ("log_sum_exp", "a", |r| r.a.log_sum_exp(0)), ("softmax", "a", |r| r.a.softmax(0)), ("log_softmax", "a", |r| r.a.log_softmax(1)), ("cumsum", "a", |r| r.a.cumsum(0)),
        ("reshape", "a", |r| r.a.reshape(4)), ("flatten", "a", |r| r.a.flatten(0, 1)), ("flatten_all", "a", |r| r.a.flatten_all()),
        ("unsqueeze, squeeze", "a", |r| r.a.unsqueeze(0)?.squeeze(0)), ("t", "a", |r| r.a.t()), ("transpose", "a", |r| r.a.transpose(0, 1)), ("permute", "a", |r| r.a.permute((1, 0))),
        ("flip", "a", |r| r.a.flip(&[1])), ("broadcast_as", "a", |r| r.a.broadcast_as((3, 2, 2))), ("expand", "a", |r| r.a.expand((3, 2, 2))),
        ("narrow", "a", |r| r.a.narrow(1, 0, 1)), ("get", "a", |r| r.a.get(1)), ("i of a number", "a", |r| r.a.i(1)), ("i of a range", "a", |r| r.a.i(..1)), ("i of a tuple", "a", |r| r.a.i((.., 1))),
        ("cat", "ab", |r| Traced::cat(&[r.a.clone(), r.b.clone()], 0)), ("stack", "ab", |r| Traced::stack(&[r.a.clone(), r.b.clone()], 0)),
        ("neg", "a", |r| -&r.a), ("neg of an owned one", "a", |r| -r.a.clone()),
        ("map", "a", |r| r.a.map(|t| t.flip(&[0]))), ("apply", "a", |r| r.a.apply(&Double)),
        ("zip", "ab", |r| r.a.zip(&r.b, |a, b| a + b)),
        ("map_n", "abk", |r| Traced::map_n(&[r.a.clone(), r.b.clone(), r.k.clone()], |t| Ok(t[0].clone()))),
        ("add", "ab", |r| &r.a + &r.b), ("sub", "ab", |r| &r.a - r.b.clone()), ("mul", "ab", |r| r.a.clone() * &r.b), ("div", "ab", |r| r.a.clone() / r.b.clone()),
        ("add, broadcast", "ab", |r| r.a.get(0)? + &r.b), ("div, broadcast", "ab", |r| &r.a / r.b.narrow(1, 0, 1)?),
        ("with itself", "a", |r| &r.a * &r.a), ("of operations", "ab", |r| (r.a.exp()? + 1.0)? * r.b.log()?),
        ("with data", "a", |r| &r.a + data()), ("with borrowed data", "a", |r| &r.a * &data()), ("with an array", "a", |r| &r.a - [1.0, 2.0]),
        ("data with it", "a", |r| data() - &r.a), ("borrowed data with it", "a", |r| &data() / r.a.clone()),
        ("f64 with it", "a", |r| 2.0 - &r.a), ("i32 with it", "a", |r| 2 / &r.a),
        ("i64 with it", "a", |r| 2i64 + &r.a), ("u32 with it", "a", |r| 2u32 - &r.a), ("usize with it", "a", |r| 2usize + r.a.clone()),
        ("matmul", "ab", |r| r.a.matmul(&r.b)), ("matmul with data", "a", |r| r.a.matmul(data())),
        ("index_select", "ak", |r| r.a.index_select(&r.k, 0)), ("select_from", "bk", |r| r.k.select_from(&r.b, 1)),
        ("select_from data", "k", |r| r.k.select_from(data(), 0)), ("index_select by numbers", "a", |r| r.a.index_select([1, 0, 1], 1)),
        ("gather", "bk", |r| r.b.gather(r.k.unsqueeze(1)?.narrow(0, 0, 2)?, 1)),
        ("as an operand", "a", |r| Ok(Operand::from(&r.a).expanded("test", &[3, 2, 2]).unwrap().tensor().unwrap())),
    ];
    for (name, origins, operation) in table {
        let run = run();
        let out = operation(&run).unwrap();
        assert_eq!(run.origins(&out), *origins, "{name}");
        assert_eq!(run.reads(), ["", ""], "{name} is a read");
    }
}

#[test]
fn arithmetic_is_that_of_the_tensors() {
    let Run { a, b, k, .. } = run();
    let (x, y) = ([1.0, 2.0, 3.0, 4.0], [0.5, 1.5, 2.5, 3.5]);
    let check = |got: Result<Traced>, f: &dyn Fn(usize) -> f64| {
        let want: Vec<f64> = (0..4).map(f).collect();
        assert_eq!(flat(&got.unwrap()), want);
    };
    check(&a + &b, &|i| x[i] + y[i]);
    check(&a - &b, &|i| x[i] - y[i]);
    check(&a * &b, &|i| x[i] * y[i]);
    check(&a / &b, &|i| x[i] / y[i]);
    check(&a + 2, &|i| x[i] + 2.0);
    check(&a - 2, &|i| x[i] - 2.0);
    check(&a * 2, &|i| x[i] * 2.0);
    check(&a / 2, &|i| x[i] / 2.0);
    check(2 + &a, &|i| 2.0 + x[i]);
    check(2 - &a, &|i| 2.0 - x[i]);
    check(2 * &a, &|i| 2.0 * x[i]);
    check(2 / &a, &|i| 2.0 / x[i]);
    check(data() - &a, &|i| [1.0, 0.0, 0.0, 1.0][i] - x[i]);
    check(&a - [10.0, 20.0], &|i| x[i] - [10.0, 20.0][i % 2]);
    check(a.matmul(data()), &|i| x[i]);
    assert_eq!(flat(&k.select_from([5.0, 7.0], 0).unwrap()), [7.0, 5.0, 7.0]);
    let pairs = k.reshape((3, 1)).unwrap().select_from(&a, 0).unwrap();
    assert_eq!(pairs.dims(), [3, 1, 2]);
    assert_eq!(flat(&pairs), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_use_as_a_plain_tensor_is_a_read_of_that_line() {
    let run = run();
    let line = line!() + 1;
    let _ = flat(&run.b);
    run.assert_reads("b", "");
    let log = run.ledger.log();
    assert_eq!((log[0].site, log[0].location.line()), (1, line));
    assert!(log[0].location.file().ends_with("traced.rs"));

    let line = line!() + 1;
    let _: &Tensor = run.a.as_ref();
    run.assert_reads("ab", "");
    assert_eq!(run.ledger.log()[1].location.line(), line);
    assert!(run.ledger.log()[1].location.file().ends_with("all/traced.rs"));
    // Only the first read of a site is told.
    let _ = flat(&(&run.a + &run.b).unwrap());
    assert_eq!(run.ledger.log().len(), 2);
}

#[test]
fn a_host_copy_may_have_mixed_the_rows() {
    let copies: [(&str, Look); 5] = [
        ("to_scalar", |a| drop(a.get(0).unwrap().get(0).unwrap().to_scalar::<f64>())),
        ("to_vec0", |a| drop(a.get(0).unwrap().get(0).unwrap().to_vec0::<f64>())),
        ("to_vec1", |a| drop(a.get(0).unwrap().to_vec1::<f64>())),
        ("to_vec2", |a| drop(a.to_vec2::<f64>())),
        ("to_vec3", |a| drop(a.unsqueeze(0).unwrap().to_vec3::<f64>())),
    ];
    for (name, copy) in copies {
        let run = run();
        copy(&run.a);
        assert_eq!(run.reads(), ["a", "a"], "{name}");
    }
    assert_eq!(run().a.to_vec2::<f64>().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
}

#[test]
fn shapes_tell_only_of_what_a_closure_made() {
    let looks: [(&str, Look); 7] = [
        ("shape", |t| drop(t.shape().clone())),
        ("dims", |t| assert!(!t.dims().is_empty())),
        ("dim", |t| assert_eq!(t.dim(0).unwrap(), 2)),
        ("rank", |t| assert_eq!(t.rank(), 2)),
        ("elem_count", |t| assert_eq!(t.elem_count(), 4)),
        ("dtype", |t| assert_eq!(t.dtype(), DType::F64)),
        ("device", |t| assert!(t.device().is_cpu())),
    ];
    let sampled_or_tracked: [Operation; 3] =
        [|r| Ok(r.a.clone()), |r| &r.a * 2, |_| Traced::from(data()).map(|t| t * 2.0)];
    let opaque: [(&str, Operation); 7] = [
        ("a", |r| r.a.map(|t| Ok(t.clone()))),
        ("ab", |r| r.a.zip(&r.b, |a, b| a * b)),
        ("a", |r| r.a.apply(&Double)),
        ("a", |r| r.a.map(|t| Ok(t.clone()))?.exp()),
        ("ab", |r| &r.b + r.a.map(|t| Ok(t.clone()))?),
        ("ab", |r| r.a.map(|t| Ok(t.clone()))?.matmul(&r.b)),
        ("b", |r| Traced::map_n(std::slice::from_ref(&r.b), |t| Ok(t[0].clone()))),
    ];
    for (name, look) in looks {
        for make in sampled_or_tracked {
            let run = run();
            look(&make(&run).unwrap());
            assert_eq!(run.reads(), ["", ""], "{name}");
        }
        for (origins, make) in opaque {
            let run = run();
            let made = make(&run).unwrap();
            run.assert_reads("", "");
            look(&made);
            assert_eq!(run.reads(), [origins, ""], "{name}");
        }
    }
}

#[test]
fn the_shape_of_a_distribution_tells_what_a_closure_made() {
    let run = run();
    let sampled = Normal::new(&run.a, 1.0).unwrap();
    assert_eq!(sampled.batch_shape(), [2, 2]);
    run.assert_reads("", "");
    let loc = run.b.map(|t| t.get(0)).unwrap();
    let of_a_closure = Normal::new(&loc, 1.0).unwrap();
    run.assert_reads("", "");
    assert_eq!(of_a_closure.batch_shape(), [2]);
    run.assert_reads("b", "");
}

#[test]
fn a_failure_of_anybodys_code_is_a_read() {
    let failures: [(&str, Operation); 4] = [
        ("a", |r| r.a.map(|_| candle_core::bail!("no"))),
        ("ab", |r| r.a.zip(&r.b, |_, _| candle_core::bail!("no"))),
        ("a", |r| r.a.apply(&Broken)),
        ("bk", |r| Traced::map_n(&[r.b.clone(), r.k.clone()], |_| candle_core::bail!("no"))),
    ];
    for (sites, fail) in failures {
        let run = run();
        assert!(run.ledger.failure().is_none());
        assert!(fail(&run).is_err());
        run.assert_reads(sites, sites);
        let (site, location) = run.ledger.failure().unwrap();
        assert!(sites.starts_with(&site) && location.file().ends_with("traced.rs"));
    }
}

/// Whether an index is in range is something learnt about it.
#[test]
fn an_index_out_of_range_is_a_read() {
    let run = run();
    assert!(run.k.select_from([1.0], 0).is_err());
    run.assert_reads("k", "k");
}

/// An operation fails by the shapes; those of a closure's result are a secret.
#[test]
fn an_operation_that_fails_reads_what_a_closure_made() {
    let run = run();
    assert!(run.a.reshape(3).is_err());
    assert!(run.a.matmul(tensor(&[1.0; 3], &[3, 1], DType::F64)).is_err());
    run.assert_reads("", "");
    assert!(run.ledger.failure().is_none());
    assert!(run.a.map(|t| Ok(t.clone())).unwrap().reshape(3).is_err());
    run.assert_reads("a", "a");
    assert!((&run.b.map(|t| Ok(t.clone())).unwrap() + [1.0; 3]).is_err());
    run.assert_reads("ab", "ab");
}

#[test]
fn printing_shows_shape_and_origins_and_is_no_read() {
    let run = run();
    let sum = (&run.a + &run.b).unwrap();
    assert_eq!(format!("{sum:?}"), r#"Traced([2, 2] F64 from ["a", "b"])"#);
    assert_eq!(sum.to_string(), format!("{sum:?}"));
    assert_eq!(Traced::from(data()).to_string(), "Traced([2, 2] F64)");
    run.assert_reads("", "");
}

#[test]
fn a_value_of_another_run_is_reported_with_both_names() {
    let (one, other) = (run(), run());
    let theirs = other.k.map(|t| t.to_dtype(DType::F64)?.narrow(0, 0, 2)).unwrap();
    assert_eq!(theirs.origins().foreign_to(&other.ledger), None);
    assert_eq!(theirs.origins().foreign_to(&one.ledger), Some(vec!["k".into()]));
    for mixed in [&one.a + &theirs, &theirs + &one.a] {
        let mixed = (mixed.unwrap() * &one.b).unwrap();
        for ledger in [&one.ledger, &other.ledger] {
            let mut names = mixed.origins().foreign_to(ledger).unwrap();
            names.sort();
            names.dedup();
            assert!(names.contains(&"a".into()) && names.contains(&"k".into()), "{names:?}");
        }
        // A read concerns the sites of each run by that run's own numbers.
        let _ = flat(&mixed);
    }
    one.assert_reads("ab", "");
    other.assert_reads("k", "");
    assert_eq!(Traced::from(data()).origins().foreign_to(&one.ledger), None);
}

#[test]
fn a_run_may_have_any_number_of_sites() {
    const SITES: usize = 300;
    let ledger = Arc::new(Ledger::default());
    let mut sum = Traced::from(data());
    for i in 0..SITES {
        let site = ledger.register(&format!("z{i}").into());
        assert_eq!(site, i);
        sum = (sum + Traced::new(data(), Origins::of(site, &ledger))).unwrap();
    }
    assert!(sum.origins().sites().iter().eq(0..SITES));
    let last = Traced::new(data(), Origins::of(SITES - 1, &ledger));
    assert!(sum.origins().sites().intersects(last.origins().sites()));
    let _ = flat(&last);
    assert!(ledger.reads().read.iter().eq([SITES - 1]));
    let _ = flat(&sum);
    assert!(ledger.reads().read.iter().eq(0..SITES));
    assert_eq!(ledger.log().len(), SITES);
}

#[test]
fn a_read_after_the_run_is_told_of_but_counts_for_nothing() {
    let run = run();
    run.ledger.finish();
    assert!(run.ledger.late_read().is_none());
    let line = line!() + 1;
    let _ = flat(&run.b);
    let (site, location) = run.ledger.late_read().unwrap();
    assert_eq!((site.as_str(), location.line()), ("b", line));
    run.assert_reads("", "");
}
