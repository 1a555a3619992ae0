//! Misuse that does not compile.
//!
//! Each program is here twice, and the two differ in one statement only: with the right one it compiles, so it is the
//! wrong one that is refused. `cargo test` tries both; on a nightly toolchain it compares the code of the error too.

/// The program, in which `$right` may stand and `$wrong`, for the compiler's reason `$code`, may not.
macro_rules! refused {
    ($name:ident, $code:literal, right: $right:literal, wrong: $wrong:literal) => {
        #[doc = program!("no_run", $right)]
        #[doc = program!(concat!("compile_fail,", $code), $wrong)]
        struct $name;
    };
}

macro_rules! program {
    ($how:expr, $statement:literal) => {
        concat!(
            "```",
            $how,
            "\nuse rushlight::prelude::*;\nuse std::cell::Cell;\n\n",
            "fn program(ctx: &mut Ctx) -> Result<()> {\n",
            "    let z = ctx.sample(\"z\", Normal::new(0.0, 1.0)?)?;\n",
            "    let mut count = 0;\n",
            "    let cell = Cell::new(0);\n",
            "    ",
            $statement,
            "\n    Ok(())\n}\n```\n"
        )
    };
}

// A baseline could do nothing at an observation.
refused!(
    BaselineOfData,
    "E0277",
    right: "ctx.observe(\"x\", Bernoulli::new(0.5)?, 1.0)?;",
    wrong: "ctx.observe(\"x\", Bernoulli::new(0.5)?.baseline(DecayingAverage::new(0.9)), 1.0)?;"
);

// Nor could any other hint.
refused!(
    HintsOfData,
    "E0277",
    right: "ctx.sample(\"x\", Draw::from(Bernoulli::new(0.5)?))?;",
    wrong: "ctx.observe(\"x\", Draw::from(Bernoulli::new(0.5)?), 1.0)?;"
);

// Rows do not see each other.
refused!(
    RowsThatCount,
    "E0594",
    right: "ctx.rows(\"rows\", 3, |_, i| Ok(i + count))?;",
    wrong: "ctx.rows(\"rows\", 3, |_, _| { count += 1; Ok(count) })?;"
);

// Programs are pure but for the context.
refused!(
    ProgramsWithAState,
    "E0277",
    right: "Svi::new(|_, _: &f64| Ok(()), |_, _| Ok(()));",
    wrong: "Svi::new(|_, _: &f64| { cell.set(1); Ok(()) }, |_, _| Ok(()));"
);

// A value leaves the tracked world only where that is noticed.
refused!(
    ReadsThatNobodyNotices,
    "E0624",
    right: "z.to_scalar::<f32>()?;",
    wrong: "z.inner().to_scalar::<f32>()?;"
);

// ... and a branch on a latent says so.
refused!(
    BranchesOnATensor,
    "E0369",
    right: "if z.to_scalar::<f32>()? > 0.5 {}",
    wrong: "if z > 0.5 {}"
);

// What stands in the body of a plate is inside it.
refused!(
    SitesPastAPlate,
    "E0501",
    right: "ctx.plate(\"rows\", 2, |inner| inner.sample(\"x\", Normal::new(0.0, 1.0)?))?;",
    wrong: "ctx.plate(\"rows\", 2, |_| ctx.sample(\"x\", Normal::new(0.0, 1.0)?))?;"
);
