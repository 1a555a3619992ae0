//! Counts: entropies that are sums and their gradients, quantiles, and all outcomes of rows.

use crate::support::{FLOATS, Shared, assert_close, flat, gradients, shared, tensor, variable};
use candle_core::{DType, Device, Tensor};
use rushlight_distributions::operand::Placement;
use rushlight_distributions::{
    Bernoulli, BetaBinomial, Binomial, Categorical, DirichletMultinomial, Distribution, Error,
    GammaPoisson, Geometric, Multinomial, NegativeBinomial, Result,
};
use rushlight_distributions::{Beta, Chi2, Gamma, InverseGamma, Normal, Poisson, StudentT};
use std::f64::consts::{E, PI};

fn number(x: f64) -> Tensor {
    variable(&tensor(&[x], &[], DType::F64))
}

/// `−Σ p ln p` by tensor ops, over outcomes along the first dim.
fn by_definition(d: &Shared, outcomes: &Tensor) -> Tensor {
    let log_probs = d.log_prob(outcomes).unwrap();
    let terms = (log_probs.exp().unwrap() * log_probs.maximum(-1e30).unwrap()).unwrap();
    terms.sum(0).unwrap().neg().unwrap()
}

type Make = fn(&Tensor, &Tensor) -> Result<Shared>;

#[test]
fn entropies_of_unbounded_counts_are_the_sums_that_define_them() {
    let probs: Make = |r, p| shared(NegativeBinomial::new(r, p)?);
    let logits: Make = |r, l| shared(NegativeBinomial::from_logits(r, l)?);
    let rate: Make = |a, b| shared(GammaPoisson::new(a, b)?);
    let rows: [(&str, Make, f64, f64); 11] = [
        ("probs", probs, 2.5, 0.6),
        ("a mode beyond 0", probs, 40.0, 0.8),
        ("a narrow bump far out", probs, 10_000.0, 0.25),
        ("nearly all of it at 0", probs, 0.01, 0.5),
        ("hardly a success", probs, 3.0, 1e-9),
        ("a long tail", probs, 0.5, 0.99),
        ("logits", logits, 2.5, -1.0),
        ("small logits", logits, 2.5, -40.0),
        ("large logits", logits, 1.5, 5.0),
        ("GammaPoisson", rate, 3.0, 0.25),
        ("GammaPoisson of a large rate", rate, 3.0, 1e5),
    ];
    let outcomes: Vec<f64> = (0..20_000).map(f64::from).collect();
    let outcomes = tensor(&outcomes, &[outcomes.len()], DType::F64);
    for (name, make, a, b) in rows {
        let params = [number(a), number(b)];
        let d = make(&params[0], &params[1]).unwrap();
        let (got, want) = (d.entropy().unwrap(), by_definition(&d, &outcomes));
        // The sum of so many terms is rounded; what is small has no more digits than a mass near 1.
        assert_close(name, &flat(&got), &flat(&want), 2e-11);
        let [got, want] = [got, want].map(|h| gradients(&h, &params));
        assert_close(name, &got.concat(), &want.concat(), 1e-8);
        // The same in f32, but for its parameters' rounding.
        let narrow = [a, b].map(|x| tensor(&[x], &[], DType::F32));
        let narrow = make(&narrow[0], &narrow[1]).unwrap().entropy().unwrap();
        assert_eq!(narrow.dtype(), DType::F32);
        assert_close(name, &flat(&narrow), &flat(&d.entropy().unwrap()), 1e-5);
    }
}

/// With one failure to wait for it is the geometric distribution, whose entropy has a closed form.
#[test]
fn the_entropy_of_a_very_long_tail_is_that_of_the_geometric_distribution() {
    for logit in [11.0, 3.0, -3.0, -60.0] {
        let [of_sum, of_form] = [
            shared(NegativeBinomial::from_logits(1.0, number(logit)).unwrap()).unwrap(),
            shared(Geometric::from_logits(number(-logit)).unwrap()).unwrap(),
        ]
        .map(|d| flat(&d.entropy().unwrap())[0]);
        // Relative to the entropy itself, which is tiny for the last.
        assert!((of_sum / of_form - 1.0).abs() < 1e-11, "{logit}: {of_sum:e}, not {of_form:e}");
    }
    let endless = NegativeBinomial::from_logits(1.0, number(40.0)).unwrap();
    assert!(matches!(endless.entropy(), Err(Error::NotAvailable { quantity: "entropy", .. })));
}

#[test]
fn entropies_of_rows_are_the_sums_that_define_them() {
    let row = || variable(&tensor(&[0.5, 1.5, 3.0, 0.01], &[4], DType::F64));
    type OfRow = fn(&Tensor) -> Result<Shared>;
    let rows: [OfRow; 6] = [
        |r| shared(Multinomial::new(7, r)?),
        |r| shared(Multinomial::from_logits(7, r)?),
        |r| shared(DirichletMultinomial::new(7, r)?),
        |r| shared(Multinomial::new(1, r)?),
        |r| shared(DirichletMultinomial::new(1, r)?),
        |r| shared(Multinomial::new(0, r)?),
    ];
    for make in rows {
        let row = [row()];
        let d = make(&row[0]).unwrap();
        let outcomes = d.enumerate_support().unwrap();
        let (got, want) = (d.entropy().unwrap(), by_definition(&d, &outcomes));
        assert_close(&format!("{d:?}"), &flat(&got), &flat(&want), 1e-13);
        let [got, want] = [got, want].map(|h| gradients(&h, &row).concat());
        let want = if got.is_empty() { vec![] } else { want };
        assert_close(&format!("{d:?}"), &got, &want, 1e-12);
    }
    let batch = Multinomial::new(5, tensor(&[1.0, 1.0, 1.0, 3.0], &[2, 2], DType::F64)).unwrap();
    let each = [1.0, 3.0].map(|w| {
        let row = tensor(&[1.0, w], &[2], DType::F64);
        flat(&Multinomial::new(5, row).unwrap().entropy().unwrap())[0]
    });
    assert_eq!(flat(&batch.entropy().unwrap()), each);
}

#[test]
fn entropies_of_rows_are_exact_for_many_draws() {
    // Of two classes they are those of a count.
    let pair = tensor(&[0.3, 0.7], &[2], DType::F64);
    let binomial = Binomial::new(20_000, number(0.3)).unwrap().entropy().unwrap();
    let got = Multinomial::new(20_000, &pair).unwrap().entropy().unwrap();
    assert_close("Multinomial", &flat(&got), &flat(&binomial), 1e-11);
    let pair = tensor(&[2.0, 0.5], &[2], DType::F64);
    let count = BetaBinomial::new(number(2.0), 0.5, 5000).unwrap().entropy().unwrap();
    let got = DirichletMultinomial::new(5000, &pair).unwrap().entropy().unwrap();
    assert_close("DirichletMultinomial", &flat(&got), &flat(&count), 1e-11);
    // Of very many draws that of a normal variable, short of O(1/n): ln(2πe n)^(K − 1) Π p / 2.
    let n = 1_000_000_000;
    let row = tensor(&[0.5, 0.25, 0.25], &[3], DType::F64);
    let got = flat(&Multinomial::new(n, row).unwrap().entropy().unwrap())[0];
    let want = 0.5 * ((2.0 * PI * E * n as f64).powi(2) * (0.5 * 0.25 * 0.25)).ln();
    assert!((got - want).abs() < 1e-8, "{got} against {want}");
    // And of one draw that of its class.
    let row = || tensor(&[0.5, 0.0, 1.5], &[3], DType::F64);
    let one = Multinomial::new(1, row()).unwrap().entropy().unwrap();
    let class = Categorical::new(row()).unwrap().entropy().unwrap();
    assert_close("Categorical", &flat(&one), &flat(&class), 1e-14);
}

#[test]
fn all_rows_of_counts_are_listed_once() {
    let d = Multinomial::new(2, tensor(&[1.0; 6], &[2, 3], DType::F32)).unwrap();
    let all = d.enumerate_support().unwrap();
    assert_eq!((all.dims(), all.dtype()), (&[6, 1, 3][..], DType::F32));
    let rows = [[0, 0, 2], [0, 1, 1], [0, 2, 0], [1, 0, 1], [1, 1, 0], [2, 0, 0]];
    assert_eq!(flat(&all), rows.as_flattened().iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
    let d = DirichletMultinomial::new(30, [1.0, 2.0, 0.5, 1.0]).unwrap();
    let all = d.enumerate_support().unwrap();
    assert_eq!(all.dims(), [32 * 33 * 31 / 6, 4]);
    assert_eq!(d.support().first_outside(&all).unwrap(), None);
    let one = Multinomial::new(3, [1.0]).unwrap();
    assert_eq!(flat(&one.enumerate_support().unwrap()), [3.0]);
    let huge = Multinomial::new(1000, [1.0; 8]).unwrap();
    let told = huge.enumerate_support().unwrap_err().to_string();
    assert_eq!(told, "Multinomial has no `enumerate_support`");
}

/// The least outcome up to which the probability is at least that, also where it is just that.
#[test]
fn quantiles_are_where_the_distribution_function_arrives() {
    for dtype in FLOATS {
        for p in [1.0f64, 0.999, 0.3, 0.01, 1e-5] {
            let [probs, logits] = [p, (p / (1.0 - p)).ln()].map(|x| tensor(&[x], &[], dtype));
            let mut all = vec![Geometric::new(probs).unwrap()];
            if p < 1.0 {
                all.push(Geometric::from_logits(logits).unwrap());
            }
            for d in all {
                let k = [0.0, 1.0, 2.0, 5.0, 17.0, 100.0];
                let k: Vec<f64> = k.into_iter().filter(|k| p < 0.5 || *k < 2.0).collect();
                let k: Vec<f64> = k.into_iter().filter(|k| p < 1.0 || *k == 0.0).collect();
                let k: Vec<f64> = k.into_iter().filter(|k| p < 0.1 || *k < 20.0).collect();
                let reached = d.cdf(&tensor(&k, &[k.len()], dtype)).unwrap();
                assert_eq!(flat(&d.icdf(&reached).unwrap()), k, "{d:?}");
                // A little less, and the same count is needed.
                let less = reached.affine(1.0 - 1e-5, 0.0).unwrap();
                let before = d.cdf(&tensor(&k, &[k.len()], dtype).affine(1.0, -1.0).unwrap());
                let passed = flat(&before.unwrap());
                for ((got, u), (k, passed)) in
                    flat(&d.icdf(&less).unwrap()).iter().zip(flat(&less)).zip(k.iter().zip(passed))
                {
                    assert!(*got == *k || u <= passed, "{d:?}: {got} for {u}");
                }
            }
        }
        let d = Geometric::new(tensor(&[0.25, 1.0], &[2], dtype)).unwrap();
        let [none, all] = [0.0, 1.0].map(|u| flat(&d.icdf(&tensor(&[u], &[], dtype)).unwrap()));
        assert_eq!((none, all), (vec![0.0, 0.0], vec![f64::INFINITY, 0.0]));

        let logit = tensor(&[0.0], &[], dtype);
        for coin in [Bernoulli::new(0.5).unwrap(), Bernoulli::from_logits(logit).unwrap()] {
            let u = tensor(&[0.0, 0.4, 0.5, 0.6, 1.0], &[5], dtype);
            assert_eq!(flat(&coin.icdf(&u).unwrap()), [0.0, 0.0, 0.0, 1.0, 1.0]);
        }
    }
}

/// Distribution functions of numbers follow the value in dtype.
#[test]
fn distribution_functions_of_numbers_are_in_the_dtype_of_the_value() {
    let x = tensor(&[0.7], &[], DType::F64);
    let all: [Shared; 13] = [
        shared(Normal::new(0.3, 1.1).unwrap()).unwrap(),
        shared(Beta::new(0.3, 1.1).unwrap()).unwrap(),
        shared(Gamma::new(0.3, 1.1).unwrap()).unwrap(),
        shared(InverseGamma::new(0.3, 1.1).unwrap()).unwrap(),
        shared(Chi2::new(0.3).unwrap()).unwrap(),
        shared(StudentT::new(0.3, 0.1, 1.1).unwrap()).unwrap(),
        shared(Bernoulli::new(0.3).unwrap()).unwrap(),
        shared(Geometric::new(0.3).unwrap()).unwrap(),
        shared(Poisson::new(0.3).unwrap()).unwrap(),
        shared(Binomial::new(5, 0.3).unwrap()).unwrap(),
        shared(NegativeBinomial::new(0.7, 0.3).unwrap()).unwrap(),
        shared(GammaPoisson::new(0.7, 0.3).unwrap()).unwrap(),
        shared(BetaBinomial::new(0.7, 0.3, 5).unwrap()).unwrap(),
    ];
    for d in all {
        let wide = Placement { dtype: DType::F64, device: Device::Cpu };
        let placed = d.map_params(&mut |p, _| p.clone().placed(&wide)).unwrap();
        let [got, want] = [d, placed].map(|d| d.cdf(&x).unwrap());
        assert_eq!(got.dtype(), DType::F64);
        assert_close("cdf", &flat(&got), &flat(&want), 1e-15);
    }
}

/// Where a probability is 0 or 1, distribution functions are the limits, and so are their slopes.
#[test]
fn distribution_functions_at_the_ends_of_their_parameters() {
    type Of = fn(&Tensor) -> Result<Shared>;
    let binomial: Of = |p| shared(Binomial::new(3, p)?);
    let negative: Of = |p| shared(NegativeBinomial::new(2.5, p)?);
    let rows: [(Of, f64, [f64; 4], [f64; 4]); 4] = [
        // (1 − p)³, .., 1 − p³
        (binomial, 0.0, [1.0; 4], [-3.0, 0.0, 0.0, 0.0]),
        (binomial, 1.0, [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, -3.0, 0.0]),
        // (1 − p)^r
        (negative, 0.0, [1.0; 4], [-2.5, 0.0, 0.0, 0.0]),
        // e^−λ
        (|r| shared(Poisson::new(r)?), 0.0, [1.0; 4], [-1.0, 0.0, 0.0, 0.0]),
    ];
    for (of, at, values, slopes) in rows {
        for (k, (value, slope)) in values.into_iter().zip(slopes).enumerate() {
            let param = number(at);
            let cdf = of(&param).unwrap().cdf(&tensor(&[k as f64], &[], DType::F64)).unwrap();
            assert_eq!(flat(&cdf), [value], "{k} of {at}");
            let got = gradients(&cdf, &[param]).concat();
            assert!(got.iter().all(|g| *g == slope), "{k} of {at}: {got:?}, not {slope}");
        }
    }
}

/// Sums too small for `1 − p`, or of a tail that nothing is left of: to 12 digits of their own.
#[test]
fn small_distribution_functions_keep_their_digits() {
    let close = |d: Shared, k: f64, want: f64| {
        let got = flat(&d.cdf(&tensor(&[k], &[], DType::F64)).unwrap())[0];
        assert!((got / want - 1.0).abs() < 1e-12, "{d:?}: {got:e}, not {want:e}");
    };
    // (1 − p)^n of a probability that is 1 but for e^-100
    let sure = Binomial::from_logits(3, number(100.0)).unwrap();
    close(shared(sure).unwrap(), 0.0, (-300f64).exp());
    let sure = NegativeBinomial::from_logits(2.0, number(100.0)).unwrap();
    close(shared(sure).unwrap(), 0.0, (-200f64).exp());
    let slow = GammaPoisson::new(number(2.0), 1e-50).unwrap();
    close(shared(slow).unwrap(), 0.0, 1e-100);
    close(shared(Poisson::new(number(700.0)).unwrap()).unwrap(), 0.0, (-700f64).exp());
}
