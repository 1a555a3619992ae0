//! What tracked operations compute and what their gradients are, where that is not simply candle's.

use crate::support::{assert_close, flat, gradients, spread, tensor, variable};
use candle_core::{D, DType, Device, Result, Tensor};
use rushlight_distributions::Traced;

const INF: f64 = f64::INFINITY;

fn traced(values: &[f64], shape: &[usize]) -> Traced {
    tensor(values, shape, DType::F64).into()
}

fn classes(ks: &[u32]) -> Traced {
    Tensor::new(ks, &Device::Cpu).unwrap().into()
}

fn of_row(row: &[f64], f: fn(&Traced) -> Result<Traced>) -> Vec<f64> {
    flat(&f(&traced(row, &[row.len()])).unwrap())
}

/// The value of `Σ w f(x)` and its gradient in `x`.
fn weighted(
    x: &[f64],
    shape: &[usize],
    w: &[f64],
    f: impl Fn(&Traced) -> Result<Traced>,
) -> (Vec<f64>, Vec<f64>) {
    let x = variable(&tensor(x, shape, DType::F64));
    let y = f(&Traced::from(&x)).unwrap();
    let w = tensor(w, y.dims(), DType::F64);
    let gradient = gradients(&(y.as_ref() * w).unwrap(), &[x]).remove(0);
    (flat(&y), gradient)
}

#[test]
fn log_sum_exp_is_safe_where_terms_are_impossible() {
    let lse = |row: &[f64]| of_row(row, |x| x.log_sum_exp(0))[0];
    assert_close("plain", &[lse(&[0.0, 3f64.ln()])], &[4f64.ln()], 1e-15);
    assert_close("large", &[lse(&[1e4, 1e4])], &[1e4 + 2f64.ln()], 1e-15);
    assert_eq!(lse(&[-INF, 2.0]), 2.0);
    assert_eq!(lse(&[-INF, -INF]), -INF);
    assert_eq!(lse(&[INF, 2.0]), INF);
    assert_eq!(lse(&[INF, -INF]), INF);
    assert!(lse(&[f64::NAN, -INF]).is_nan() && lse(&[f64::NAN, 1.0]).is_nan());

    let x = [-INF, -INF, 0.0, 3f64.ln(), -INF, 5.0];
    let (values, gradient) = weighted(&x, &[3, 2], &[1.0, 2.0, 10.0], |x| x.log_sum_exp(1));
    assert_close("rows", &values, &[-INF, 4f64.ln(), 5.0], 1e-15);
    assert_close("gradient", &gradient, &[0.0, 0.0, 0.5, 1.5, 0.0, 10.0], 1e-15);
    let (values, gradient) = weighted(&x, &[2, 3], &[1.0; 3], |x| x.log_sum_exp(0));
    let column = (1.0 + 5f64.exp()).ln();
    assert_close("columns", &values, &[3f64.ln(), -INF, column], 1e-15);
    let share = (-column).exp();
    assert_close("gradient", &gradient, &[0.0, 0.0, share, 1.0, 0.0, 1.0 - share], 1e-15);
}

#[test]
fn softmax_and_its_logarithm_have_their_gradients() {
    let x = [0.3, -1.2, 1000.0, 1001.5, 0.7, -INF];
    let w = [2.0, -1.0, 0.5, 3.0, 1.5, 0.25];
    for dim in [0, 1] {
        // Which elements are summed with element `i` of a matrix of three rows.
        let peers = |i: usize| {
            (0..6).filter(move |j| if dim == 0 { i % 2 == j % 2 } else { i / 2 == j / 2 })
        };
        let p: Vec<f64> =
            (0..6).map(|i| (x[i] - peers(i).map(|j| x[j]).fold(-INF, f64::max)).exp()).collect();
        let p: Vec<f64> = (0..6).map(|i| p[i] / peers(i).map(|j| p[j]).sum::<f64>()).collect();
        let (values, gradient) = weighted(&x, &[3, 2], &w, |x| x.softmax(dim));
        assert_close("softmax", &values, &p, 1e-14);
        let want = |i: usize| p[i] * (w[i] - peers(i).map(|j| p[j] * w[j]).sum::<f64>());
        assert_close("its gradient", &gradient, &(0..6).map(want).collect::<Vec<_>>(), 1e-14);
    }
    let (values, gradient) = weighted(&x[..4], &[2, 2], &w[..4], |x| x.log_softmax(D::Minus1));
    let want = [-softplus(-1.5), -softplus(1.5), -softplus(1.5), -softplus(-1.5)];
    assert_close("log_softmax", &values, &want, 1e-13);
    let p = want.map(f64::exp);
    let want = [w[0] - p[0], w[1] - p[1], w[2] - 3.5 * p[2], w[3] - 3.5 * p[3]];
    assert_close("its gradient", &gradient, &want, 1e-13);
    assert_eq!(of_row(&[-INF, 0.0], |x| x.log_softmax(0)), [-INF, 0.0]);
}

fn softplus(x: f64) -> f64 {
    x.exp().ln_1p()
}

#[test]
fn cumsum_keeps_earlier_entries_from_later_ones() {
    assert_eq!(of_row(&[1.0, 2.0, INF, 3.0], |x| x.cumsum(0)), [1.0, 3.0, INF, INF]);
    for n in [1, 2, 3, 4, 5, 8, 13] {
        let x: Vec<f64> = (0..2 * n).map(|i| ((7 * i) % 11) as f64).collect();
        let w: Vec<f64> = (0..2 * n).map(|i| ((5 * i) % 7) as f64).collect();
        let sums = |x: &[f64]| {
            x.chunks(n).flat_map(|row| (0..n).map(|i| row[..=i].iter().sum())).collect()
        };
        let (values, gradient) = weighted(&x, &[2, n], &w, |x| x.cumsum(1));
        let want: Vec<f64> = sums(&x);
        assert_eq!(values, want);
        let want: Vec<f64> =
            w.chunks(n).flat_map(|row| (0..n).map(|i| row[i..].iter().sum())).collect();
        assert_eq!(gradient, want);
        let columns = traced(&x, &[2, n]).t().unwrap().cumsum(0).unwrap().t().unwrap();
        assert_eq!(flat(&columns), values);
    }
}

#[test]
fn comparisons_broadcast() {
    let a = traced(&[1.0, 2.0, 3.0, 4.0], &[2, 2]);
    let column = traced(&[1.0, 4.0], &[2, 1]);
    let check = |got: Result<Traced>, want: [f64; 4]| {
        let got = got.unwrap();
        assert_eq!((got.dtype(), got.dims()), (DType::U8, &[2, 2][..]));
        assert_eq!(flat(&got), want);
    };
    check(a.eq(&column), [1.0, 0.0, 0.0, 1.0]);
    check(a.ne(&column), [0.0, 1.0, 1.0, 0.0]);
    check(a.lt(&column), [0.0, 0.0, 1.0, 0.0]);
    check(a.le(&column), [1.0, 0.0, 1.0, 1.0]);
    check(a.gt(&column), [0.0, 1.0, 0.0, 0.0]);
    check(a.ge(&column), [1.0, 1.0, 0.0, 1.0]);
    check(a.gt(2.5), [0.0, 0.0, 1.0, 1.0]);
    check(a.lt([2, 3]), [1.0, 1.0, 0.0, 0.0]);
    check(traced(&[2.0], &[1]).lt(&a), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(flat(&classes(&[0, 1, 2]).eq(1).unwrap()), [0.0, 1.0, 0.0]);
}

#[test]
fn what_is_chosen_broadcasts_and_numbers_follow_the_tensors() {
    let a = traced(&[1.0, 2.0, 3.0, 4.0], &[2, 2]);
    assert_eq!(flat(&a.maximum([2.5, 1.0]).unwrap()), [2.5, 2.0, 3.0, 4.0]);
    assert_eq!(flat(&a.minimum(traced(&[1.5, 3.5], &[2, 1])).unwrap()), [1.0, 1.5, 3.0, 3.5]);
    assert_eq!(flat(&a.clamp(2, 3.5).unwrap()), [2.0, 2.0, 3.0, 3.5]);

    let rows = classes(&[1, 0]).unsqueeze(1).unwrap();
    let chosen = Traced::where_cond(&rows, &a, -1.5).unwrap();
    assert_eq!((chosen.dtype(), flat(&chosen)), (DType::F64, vec![1.0, 2.0, -1.5, -1.5]));
    let chosen = Traced::where_cond([0, 1], [10.0, 20.0], &a).unwrap();
    assert_eq!(flat(&chosen), [1.0, 20.0, 3.0, 20.0]);
    let chosen = Traced::where_cond(&rows, 1, 0.5).unwrap();
    assert_eq!((chosen.dims(), flat(&chosen)), (&[2, 1][..], vec![1.0, 0.5]));

    let choose = |x: &Traced| Traced::where_cond(&rows, x, &a);
    let (_, gradient) = weighted(&[7.0, 8.0], &[2], &[1.0, 2.0, 3.0, 4.0], choose);
    assert_eq!(gradient, [1.0, 2.0]);

    let error = Traced::where_cond(&rows, &a, [1.0; 3]).unwrap_err().to_string();
    assert!(
        error.starts_with("where_cond: the shapes [[2, 1], [2, 2], [3]] do not broadcast"),
        "{error}"
    );
}

/// Candle's own takes wrong rows where the index is shorter than the table in one of two neighbouring dims.
#[test]
fn gather_takes_its_own_rows_from_a_longer_table() {
    let table: Vec<f64> = (0..24).map(f64::from).collect();
    let table = traced(&table, &[2, 3, 4]);
    let index = Tensor::new(&[[[3u32], [1]], [[0], [2]]], &Device::Cpu).unwrap();
    assert_eq!(flat(&table.gather(&index, 2).unwrap()), [3.0, 5.0, 12.0, 18.0]);
    let turned = table.permute((2, 0, 1)).unwrap().gather(index.permute((2, 0, 1)).unwrap(), 0);
    assert_eq!(flat(&turned.unwrap()), [3.0, 5.0, 12.0, 18.0]);
    let (_, gradient) = weighted(&[0.0; 6], &[2, 3, 1], &[1.0, 2.0, 3.0, 4.0], |x| {
        x.gather(index.zeros_like()?, 2)
    });
    assert_eq!(gradient, [1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
}

#[test]
fn look_ups_and_products_take_views() {
    let rows = classes(&[1]).broadcast_as(3).unwrap();
    let table = traced(&[5.0, 7.0], &[1, 2]).broadcast_as((3, 2)).unwrap().t().unwrap();
    assert_eq!(flat(&table.index_select(&rows, 0).unwrap()), [7.0; 9]);
    let index = rows.unsqueeze(0).unwrap();
    assert_eq!(flat(&table.gather(&index, 0).unwrap()), [7.0; 3]);
    assert_eq!(flat(&table.flip(&[0]).unwrap()), [7.0, 7.0, 7.0, 5.0, 5.0, 5.0]);
    assert_eq!(flat(&table.matmul(table.t().unwrap()).unwrap()), [75.0, 105.0, 105.0, 147.0]);
    let batch = traced(&[1.0, 2.0], &[1, 2]).broadcast_as((3, 4, 2)).unwrap();
    assert_eq!(flat(&batch.matmul(&table).unwrap()), [19.0; 36]);
    // Candle has no product with three batch dims.
    let (a, b) = (traced(&spread(24, 0), &[2, 1, 3, 2, 2]), traced(&spread(48, 1), &[4, 3, 2, 2]));
    let all = a.matmul(&b).unwrap();
    assert_eq!(all.dims(), [2, 4, 3, 2, 2]);
    let first = |t: &Traced, i| t.get(i).unwrap();
    let one = first(&first(&a, 1), 0).matmul(first(&b, 3)).unwrap();
    assert_close(
        "of the second and the fourth",
        &flat(&first(&first(&all, 1), 3)),
        &flat(&one),
        1e-15,
    );
}

#[test]
fn numbers_are_never_rounded_to_integers() {
    let k = classes(&[1, 0]);
    assert_eq!(flat(&k.select_from([0.5, 1.5], 0).unwrap()), [1.5, 0.5]);
    assert_eq!(
        flat(&traced(&[5.0, 7.0], &[2]).index_select([1, 0, 1], 0).unwrap()),
        [7.0, 5.0, 7.0]
    );
    let failures =
        [k.eq(0.5), k.lt(-1), k.maximum([0.5, 1.0]), &k + [0.5, 1.0], 0.5 + &k, &k * 0.5];
    for failure in failures {
        let text = failure.unwrap_err().to_string();
        let want = "numbers meet a value of dtype U32; convert it with `to_dtype` first";
        assert!(text.starts_with(want), "{text}");
    }
    assert!(traced(&[5.0, 7.0], &[2]).index_select([-1], 0).is_err());
    assert!(traced(&[5.0, 7.0], &[2]).gather([0.5], 0).is_err());
}
