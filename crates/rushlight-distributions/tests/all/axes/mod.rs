//! Which axes of a value are still a site's own: a row for each operation, and the traps.

mod compositions;

use crate::support::tensor;
use candle_core::{DType, Device, Module, Result, Tensor};
use rushlight_distributions::{
    Distribution, DistributionExt, Ledger, Normal, Operand, Origins, Traced,
};
use std::sync::Arc;

/// A run with the sites `z` and `w`, `[3, 2]`, `s`, `[2, 2]`, `v`, `[3]`, and `l`, `[1]`, and the indices `k`,
/// `[3]`, and `q`, `[2, 2]`. All axes are the sites' own.
struct Run {
    ledger: Arc<Ledger>,
    z: Traced,
    w: Traced,
    s: Traced,
    v: Traced,
    l: Traced,
    k: Traced,
    q: Traced,
}

const NAMES: [&str; 7] = ["z", "w", "s", "v", "l", "k", "q"];

fn run() -> Run {
    let ledger = Arc::new(Ledger::default());
    let site = |t: Tensor| {
        let origins = Origins::with_axes(ledger.register(&"site".into()), &ledger, t.rank());
        Traced::new(t, origins)
    };
    let z = site(tensor(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2], DType::F64));
    let w = site(tensor(&[0.5, 1.5, 2.5, 3.5, 4.5, 5.5], &[3, 2], DType::F64));
    let s = site(tensor(&[0.2, 0.4, 0.6, 0.8], &[2, 2], DType::F64));
    let v = site(tensor(&[0.1, 0.2, 0.3], &[3], DType::F64));
    let l = site(tensor(&[0.7], &[1], DType::F64));
    let k = site(Tensor::new(&[1u32, 0, 1], &Device::Cpu).unwrap());
    let q = site(Tensor::new(&[[1u32, 0], [0, 1]], &Device::Cpu).unwrap());
    Run { ledger, z, w, s, v, l, k, q }
}

/// `z2@1` says that axis 2 of `z` is axis 1 of the value.
fn axes(origins: &Origins) -> String {
    let of = |(site, name)| origins.axes(site).map(move |(of, at)| format!("{name}{of}@{at}"));
    NAMES.into_iter().enumerate().flat_map(of).collect::<Vec<_>>().join(" ")
}

struct Double;

impl Module for Double {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x * 2.0
    }
}

fn data(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F64, &Device::Cpu).unwrap()
}

fn pair(a: &Traced, b: &Traced) -> [Traced; 2] {
    [a.clone(), b.clone()]
}

fn expanded(t: &Traced, shape: &[usize]) -> Traced {
    Operand::from(t).expanded("test", shape).unwrap().tensor().unwrap()
}

type Operation = fn(&Run) -> Result<Traced>;

fn check(table: &[(&str, &str, Operation)]) {
    for (name, want, operation) in table {
        let run = run();
        let out = operation(&run).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(axes(out.origins()), *want, "{name}");
        assert!(run.ledger.reads().read.is_empty(), "{name} is a read");
    }
}

#[test]
#[rustfmt::skip]
fn elementwise_operations_of_one_value_keep_all_axes() {
    let table: [(&str, Operation); 23] = [
        ("itself", |r| Ok(r.z.clone())), ("neg", |r| -&r.z), ("affine", |r| r.z.affine(2.0, 1.0)), ("powf", |r| r.z.powf(2.0)),
        ("exp", |r| r.z.exp()), ("log", |r| r.z.log()), ("log1p", |r| r.z.log1p()), ("expm1", |r| r.z.expm1()),
        ("sigmoid", |r| r.z.sigmoid()), ("softplus", |r| r.z.softplus()), ("sin", |r| r.z.sin()), ("cos", |r| r.z.cos()),
        ("tanh", |r| r.z.tanh()), ("relu", |r| r.z.relu()), ("sqr", |r| r.z.sqr()), ("sqrt", |r| r.z.sqrt()),
        ("recip", |r| r.z.recip()), ("abs", |r| r.z.abs()), ("to_dtype", |r| r.z.to_dtype(DType::F32)),
        ("to_device", |r| r.z.to_device(&Device::Cpu)), ("contiguous", |r| r.z.contiguous()), ("detach", |r| Ok(r.z.detach())),
        ("with a number", |r| 2.0 / (&r.z + 1)?),
    ];
    check(&table.map(|(name, operation)| (name, "z1@1 z2@2", operation)));
}

#[test]
#[rustfmt::skip]
fn elementwise_operations_of_two_values_keep_those_of_both() {
    let table: [(&str, Operation); 14] = [
        ("add", |r| &r.z + &r.w), ("sub", |r| &r.z - &r.w), ("mul", |r| &r.z * &r.w), ("div", |r| &r.z / &r.w),
        ("eq", |r| r.z.eq(&r.w)), ("ne", |r| r.z.ne(&r.w)), ("lt", |r| r.z.lt(&r.w)), ("le", |r| r.z.le(&r.w)),
        ("gt", |r| r.z.gt(&r.w)), ("ge", |r| r.z.ge(&r.w)), ("maximum", |r| r.z.maximum(&r.w)), ("minimum", |r| r.z.minimum(&r.w)),
        ("clamp", |r| r.z.clamp(0, &r.w)), ("where_cond", |r| Traced::where_cond(r.z.gt(2)?, &r.w, 0)),
    ];
    check(&table.map(|(name, operation)| (name, "z1@1 z2@2 w1@1 w2@2", operation)));
}

#[test]
#[rustfmt::skip]
fn broadcasting_keeps_what_it_does_not_expand() {
    check(&[
        ("data", "z1@1 z2@2", |r| &r.z * data(&[3, 2])), ("data that expand nothing", "z1@1 z2@2", |r| &r.z + data(&[4, 1, 2])), ("data on the left", "v1@1", |r| data(&[2, 3]) - &r.v),
        ("along the last axis", "z1@2 z2@1 v1@1", |r| r.z.t()? + &r.v), ("along another", "z1@1 z2@2 v1@2", |r| &r.z + r.v.unsqueeze(1)?),
        ("where_cond", "z1@1 z2@2 w1@1 w2@2 v1@2", |r| Traced::where_cond(r.v.unsqueeze(1)?.gt(0.1)?, &r.w, &r.z)),
        ("an outer product", "z2@2 v1@1", |r| r.z.narrow(1, 0, 1)? * &r.v), ("size 1, expanded", "v1@1", |r| &r.l * &r.v), ("size 1, by data", "", |r| data(&[2, 3]) / &r.l),
        ("size 1, where_cond", "v1@1", |r| Traced::where_cond(r.v.gt(0.1)?, &r.l, 0)), ("size 1, maximum", "v1@1", |r| r.l.maximum(&r.v)), ("size 1, lt", "v1@1", |r| r.l.lt(&r.v)),
        ("size 1 that stays", "l1@1", |r| &r.l + data(&[1])), ("size 1 elsewhere", "v1@1 l1@2", |r| r.l.unsqueeze(1)? + &r.v),
        ("broadcast_as", "z1@1 z2@2", |r| r.z.broadcast_as((4, 3, 2))), ("expand", "z1@1 z2@2", |r| r.z.expand((4, 3, 2))), ("broadcast_as of size 1", "", |r| r.l.broadcast_as(3)),
        ("as an operand", "z1@1 z2@2", |r| Ok(expanded(&r.z, &[4, 3, 2]))), ("as an operand, of size 1", "", |r| Ok(expanded(&r.l, &[3]))),
    ]);
}

#[test]
#[rustfmt::skip]
fn the_map_follows_the_axes() {
    check(&[
        ("t", "z1@2 z2@1", |r| r.z.t()), ("transpose", "z1@3 z2@2", |r| r.z.unsqueeze(0)?.transpose(0, 2)), ("transpose with itself", "z1@1 z2@2", |r| r.z.transpose(1, 1)),
        ("permute", "z1@3 z2@1", |r| r.z.unsqueeze(1)?.permute((2, 1, 0))), ("a cycle", "z1@3 z2@1", |r| r.z.unsqueeze(0)?.permute((2, 0, 1))), ("the other cycle", "z1@2 z2@3", |r| r.z.unsqueeze(0)?.permute((1, 2, 0))),
        ("unsqueeze on the left", "z1@1 z2@2", |r| r.z.unsqueeze(0)), ("unsqueeze between", "z1@1 z2@3", |r| r.z.unsqueeze(1)), ("unsqueeze on the right", "z1@2 z2@3", |r| r.z.unsqueeze(candle_core::D::Minus1)),
        ("squeeze on the left", "z1@1 z2@2", |r| r.z.unsqueeze(0)?.squeeze(0)), ("squeeze between", "z1@1 z2@2", |r| r.z.unsqueeze(1)?.squeeze(1)), ("squeeze on the right", "z1@1 z2@2", |r| r.z.unsqueeze(2)?.squeeze(2)),
        ("squeeze of its own", "", |r| r.l.squeeze(0)), ("squeeze of what is not of size 1", "z1@1 z2@2", |r| r.z.squeeze(0)),
    ]);
}

#[test]
#[rustfmt::skip]
fn operations_along_an_axis_keep_the_others() {
    check(&[
        ("sum", "z1@1", |r| r.z.sum(0)), ("sum of the last", "z2@1", |r| r.z.sum(1)), ("sum_keepdim", "z1@1", |r| r.z.sum_keepdim(0)), ("sum_keepdim of the last", "z2@2", |r| r.z.sum_keepdim(1)),
        ("mean", "z1@1", |r| r.z.mean(0)), ("mean of the last", "z2@1", |r| r.z.mean(1)), ("mean_keepdim", "z1@1", |r| r.z.mean_keepdim(0)), ("mean_keepdim of the last", "z2@2", |r| r.z.mean_keepdim(1)),
        ("max", "z1@1", |r| r.z.max(0)), ("max of the last", "z2@1", |r| r.z.max(1)), ("max_keepdim", "z2@2", |r| r.z.max_keepdim(1)),
        ("min", "z1@1", |r| r.z.min(0)), ("min of the last", "z2@1", |r| r.z.min(1)), ("min_keepdim", "z2@2", |r| r.z.min_keepdim(1)),
        ("log_sum_exp", "z1@1", |r| r.z.log_sum_exp(0)), ("log_sum_exp of the last", "z2@1", |r| r.z.log_sum_exp(1)), ("softmax", "z1@1", |r| r.z.softmax(0)), ("softmax of the last", "z2@2", |r| r.z.softmax(1)),
        ("log_softmax", "z1@1", |r| r.z.log_softmax(0)), ("log_softmax of the last", "z2@2", |r| r.z.log_softmax(1)), ("cumsum", "z1@1", |r| r.z.cumsum(0)), ("cumsum of the last", "z2@2", |r| r.z.cumsum(1)),
        ("narrow", "z1@1", |r| r.z.narrow(0, 1, 2)), ("narrow of the last", "z2@2", |r| r.z.narrow(1, 1, 1)), ("get", "z1@1", |r| r.z.get(1)),
        ("matmul", "", |r| r.z.matmul(&r.s)), ("batches of matmul", "z2@3", |r| r.z.unsqueeze(1)?.matmul(&r.s)), ("batches of both", "z2@3 w2@3", |r| r.z.unsqueeze(1)?.matmul(r.w.unsqueeze(2)?)),
        ("an expanded batch", "w2@3", |r| r.l.unsqueeze(1)?.unsqueeze(2)?.matmul(r.w.unsqueeze(1)?)), ("a batch on the left", "z2@4", |r| r.z.unsqueeze(1)?.unsqueeze(1)?.matmul(data(&[5, 2, 1]))),
    ]);
}

#[test]
#[rustfmt::skip]
fn look_ups_keep_the_axes_of_the_index_and_the_others_of_the_table() {
    check(&[
        ("index_select", "z1@1 k1@2", |r| r.z.index_select(&r.k, 0)), ("index_select of the last", "z2@2 k1@1", |r| r.z.index_select(&r.k, 1)), ("by data", "z1@1", |r| r.z.index_select([0, 2], 0)),
        ("by an index of two dims", "z1@1 q1@2 q2@3", |r| r.z.index_select(&r.q, 0)), ("by a single index", "z1@1", |r| r.z.index_select(r.k.get(0)?, 0)), ("the last by a single index", "z2@1", |r| r.z.index_select(r.k.get(0)?, 1)),
        ("select_from", "z1@1 k1@2", |r| r.k.select_from(&r.z, 0)), ("select_from the last", "z2@2 k1@1", |r| r.k.select_from(&r.z, 1)), ("select_from numbers", "k1@1", |r| r.k.select_from([0.1, 0.9], 0)),
        ("two dims", "z1@1 q1@2 q2@3", |r| r.q.select_from(&r.z, 0)), ("two dims of the last", "z2@3 q1@1 q2@2", |r| r.q.select_from(&r.z, 1)), ("two dims, turned", "z1@1 q1@3 q2@2", |r| r.q.t()?.select_from(&r.z, 0)),
        ("two dims in the middle", "s1@1 s2@4 q1@2 q2@3", |r| r.q.select_from(r.s.unsqueeze(1)?.broadcast_as((2, 3, 2))?, 1)),
        ("gather", "z2@2 k1@2", |r| r.z.gather(r.k.unsqueeze(1)?, 1)), ("gather by a shorter index", "q2@2", |r| r.z.gather(&r.q, 1)), ("gather of the other", "s1@1 q1@1", |r| r.s.gather(&r.q, 0)),
    ]);
}

#[test]
#[rustfmt::skip]
fn everything_else_loses_them() {
    let table: [(&str, Operation); 20] = [
        ("reshape", |r| r.z.reshape((2, 3))), ("reshape to its own shape", |r| r.z.reshape((3, 2))), ("flatten", |r| r.z.flatten(0, 1)), ("flatten of nothing", |r| r.z.flatten(0, 0)),
        ("flatten_all", |r| r.v.flatten_all()), ("flip", |r| r.v.flip(&[0])), ("flip of another axis", |r| r.z.flip(&[1])), ("sum_all", |r| r.z.sum_all()), ("mean_all", |r| r.z.mean_all()),
        ("i", |r| r.z.i(0)), ("i of a range", |r| r.z.i(..2)), ("i of a tuple", |r| r.z.i((.., 1))), ("cat", |r| Traced::cat(&pair(&r.z, &r.w), 0)), ("stack", |r| Traced::stack(&pair(&r.z, &r.w), 0)),
        ("cat of parts", |r| Traced::cat(&[r.v.narrow(0, 1, 2)?, r.v.narrow(0, 0, 1)?], 0)),
        ("map", |r| r.z.map(|t| t.exp())), ("zip", |r| r.z.zip(&r.w, |a, b| a + b)), ("map_n", |r| Traced::map_n(&pair(&r.z, &r.w), |t| &t[0] + &t[1])), ("apply", |r| r.z.apply(&Double)),
        ("what comes after", |r| r.z.map(|t| t.exp())?.exp()? + 1),
    ];
    check(&table.map(|(name, operation)| (name, "", operation)));
}

#[test]
#[rustfmt::skip]
fn two_paths_must_agree() {
    check(&[
        ("a matrix and itself", "s1@1 s2@2", |r| &r.s + r.s.exp()?), ("and its transpose", "", |r| &r.s + r.s.t()?), ("turned twice", "s1@1 s2@2", |r| &r.s + r.s.t()?.t()?),
        ("one site on two axes", "", |r| &r.v * r.v.unsqueeze(1)?), ("agreed on one axis of two", "s1@1", |r| r.s.unsqueeze(0)? + r.s.unsqueeze(1)?),
        ("a row and its sum", "s2@2", |r| &r.s / r.s.sum_keepdim(1)?), ("softmax by hand", "z2@2", |r| { let e = r.z.exp()?; &e / e.sum_keepdim(1)? }),
        ("forward and backward", "", |r| &r.v + r.v.flip(&[0])?), ("aligned and reshaped", "", |r| r.s.reshape((2, 2))? + &r.s), ("aligned, and mixed by a closure", "", |r| r.s.map(|t| t.t())? + &r.s),
        ("one aligned, one not", "w1@1 w2@2", |r| r.z.flip(&[0])? + (&r.z * &r.w)?), ("a shift", "", |r| r.v.narrow(0, 0, 2)? - r.v.narrow(0, 1, 2)?),
        ("a site of one path only", "z1@1 z2@2 v1@2", |r| (&r.z + r.v.unsqueeze(1)?)? * r.z.sqr()?), ("by its own condition", "s2@2", |r| Traced::where_cond(r.s.sum_keepdim(1)?.gt(0.9)?, &r.s, 0)),
        ("equal in size by chance", "s1@1", |r| r.s.sum(0)? * data(&[2, 2])), ("a mean of columns beside rows", "", |r| r.s.mean(0)?.unsqueeze(1)? + &r.s),
        ("looked up in itself", "q1@1", |r| r.q.gather(&r.q, 0)), ("selected from itself", "", |r| r.k.select_from(&r.k, 0)), ("lost once, and met again", "", |r| (&r.v + r.v.sum_all()?)? + &r.v),
    ]);
}

#[test]
fn sites_without_event_dims_have_no_axes() {
    let ledger = Arc::new(Ledger::default());
    let site = ledger.register(&"z".into());
    let z = Traced::new(data(&[3]), Origins::of(site, &ledger));
    assert_eq!(z.origins().axes(site).count(), 0);
    // Of a plate of 3 with rows of 2, the rows alone are the site's.
    let rows = Traced::new(data(&[3, 2]), Origins::with_axes(1, &ledger, 1));
    assert_eq!(axes(rows.origins()), "w1@1");
    assert_eq!(axes((rows + z.unsqueeze(1).unwrap()).unwrap().origins()), "w1@1");
}

#[test]
fn axes_are_mapped_at_will() {
    let r = run();
    let shifted = r.z.origins().map_axes(|at| (at > 1).then_some(at + 3));
    assert_eq!(axes(&shifted), "z2@5");
    assert!(shifted.sites().iter().eq([0]));
    assert_eq!(axes(r.z.origins()), "z1@1 z2@2");
    assert_eq!(r.z.origins().axes(1).count(), 0);
    // A place that is no axis is nowhere, whatever comes after it.
    let nowhere = Traced::new(data(&[3]), r.z.origins().map_axes(|at| Some(5 * (at - 1))));
    assert_eq!(axes(nowhere.t().unwrap_or(nowhere.exp().unwrap()).origins()), "");
}

#[test]
fn many_values_are_united_as_two_are() {
    let r = run();
    let mut all = Origins::default();
    for more in [&r.s, &r.v, &r.s.t().unwrap(), &r.s, &r.v] {
        all.extend(more.origins());
    }
    assert_eq!(axes(&all), "v1@1");
    assert!(all.sites().iter().eq([2, 3]));
}

#[test]
fn values_of_two_runs_have_no_axes() {
    let (one, other) = (run(), run());
    for mixed in [&one.z + &other.w, &other.w + &one.z, &one.z + &other.z] {
        let mixed = mixed.unwrap();
        assert_eq!(axes(mixed.origins()), "");
        assert_eq!(axes((mixed + &one.z).unwrap().origins()), "");
    }
}

#[test]
fn an_operand_knows_what_its_own_shape_keeps() {
    let r = run();
    let kept = |o: &Operand| o.kept_origins().map(|origins| axes(&origins));
    let params = |d: &dyn Distribution| {
        let mut all = Vec::new();
        let look = &mut |p: &Operand, _| {
            all.push(kept(p));
            Ok(p.clone())
        };
        d.map_params(look).unwrap();
        all
    };
    let some = |axes: &str| Some(axes.to_owned());
    assert_eq!(params(&Normal::new(&r.z, 1.0).unwrap()), [some("z1@1 z2@2"), None]);
    assert_eq!(params(&Normal::new(&r.l, &r.v).unwrap()), [some(""), some("v1@1")]);
    let column = r.v.unsqueeze(1).unwrap();
    let d = Normal::new(&r.z, column).unwrap();
    assert_eq!(params(&d), [some("z1@1 z2@2"), some("v1@2")]);
    assert_eq!(params(&*d.expand(&[4, 3, 2]).unwrap()), [some("z1@1 z2@2"), some("v1@2")]);
    assert_eq!(axes(&d.origins().unwrap()), "");

    let operand = Operand::from(&r.l).expanded("test", &[3]).unwrap();
    assert_eq!(axes(operand.origins().unwrap()), "l1@1");
    assert_eq!(kept(&operand), some(""));
    assert_eq!(kept(&operand.stripped()), None);
    assert_eq!(kept(&Operand::from(1)), None);
    assert_eq!(kept(&Operand::from(data(&[2]))), None);
    let of_a_closure = r.v.map(|t| t.exp()).unwrap();
    assert_eq!(kept(&Operand::from(&of_a_closure)), some(""));
    assert!(r.ledger.reads().read.is_empty());
}
