//! The dependency graph of a trace as a picture.
//!
//! A node a site, an arrow from each site to those that may depend on it directly, and a box a plate, as in the
//! plate notation of graphical models. Two plates that cross have no boxes in common: a site inside both is
//! drawn in a box of the inner one, in a box of the outer one.

use crate::{Error, Frame, Result, Site, Trace, files};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

impl Trace {
    /// The dependency graph in the DOT language of Graphviz: ellipses for sites (observed ones shaded,
    /// auxiliary ones dashed), boxes for plates, an arrow from each of a site's [`parents`](Site::parents).
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_distributions::{Bernoulli, Beta, Rng};
    /// use rushlight_trace::{ParamStore, Run};
    ///
    /// let (trace, ()) = Run::new(&ParamStore::default(), Rng::seed(0)).execute(|ctx| {
    ///     let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ///     ctx.plate("flips", 2, |ctx| ctx.observe("obs", Bernoulli::new(&fairness)?, [1.0, 0.0]))
    /// })?;
    /// assert!(trace.to_dot().contains(r#""fairness" -> "obs";"#));
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn to_dot(&self) -> String {
        let sites: Vec<&Site> = self.sites().collect();
        let mut dot = "digraph trace {\n".to_owned();
        boxes(&mut dot, &sites, 0, &mut 0);
        for site in &sites {
            for parent in site.parents().iter().filter_map(|number| sites.get(number)) {
                line(
                    &mut dot,
                    0,
                    &format!("{} -> {};", quoted(parent.name()), quoted(site.name())),
                );
            }
        }
        dot + "}\n"
    }

    /// Draws the dependency graph as an SVG file, by the program `dot` of Graphviz.
    ///
    /// # Errors
    ///
    /// [`Error::Graphviz`] if the program is not there or fails; [`Error::File`] if the file cannot be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use rushlight_trace::{Error, Trace};
    ///
    /// let path = std::env::temp_dir().join("rushlight-graph.svg");
    /// match Trace::default().save_svg(&path) {
    ///     Ok(()) => assert!(std::fs::read_to_string(&path).unwrap().contains("<svg")),
    ///     Err(Error::Graphviz { reason }) => println!("no picture: {reason}"),
    ///     Err(e) => return Err(e),
    /// }
    /// # let _ = std::fs::remove_file(path);
    /// # Ok::<(), rushlight_trace::Error>(())
    /// ```
    pub fn save_svg(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write(path.as_ref(), &render("dot", &self.to_dot())?)
    }
}

/// The sites below `depth` plates that they share: those in no other plate, then a box a plate.
fn boxes(dot: &mut String, sites: &[&Site], depth: usize, number: &mut usize) {
    let mut plates: Vec<(&Frame, Vec<&Site>)> = Vec::new();
    for &site in sites {
        match site.plates().get(depth) {
            None => line(dot, depth, &node(site)),
            Some(plate) => match plates.iter_mut().find(|(known, _)| *known == plate) {
                Some((_, inside)) => inside.push(site),
                None => plates.push((plate, vec![site])),
            },
        }
    }
    for (plate, inside) in plates {
        line(dot, depth, &format!("subgraph cluster_{number} {{"));
        line(dot, depth + 1, &format!("label={};", quoted(&plate.label())));
        *number += 1;
        boxes(dot, &inside, depth + 1, number);
        line(dot, depth, "}");
    }
}

fn node(site: &Site) -> String {
    let style = match (site.observed(), site.auxiliary()) {
        (true, _) => ", style=filled, fillcolor=lightgray",
        (false, true) => ", style=dashed",
        (false, false) => "",
    };
    let label = quoted(&format!("{}\n{}", site.name(), site.dist().name()));
    format!("{} [shape=ellipse, label={label}{style}];", quoted(site.name()))
}

fn line(dot: &mut String, depth: usize, text: &str) {
    // A `String` takes whatever is written to it.
    let _ = writeln!(dot, "{:indent$}{text}", "", indent = 2 * (depth + 1));
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n"))
}

/// What the program makes of the graph.
fn render(program: &str, dot: &str) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Graphviz { reason };
    let mut child = Command::new(program)
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("`{program}`: {e}")))?;
    let input = child.stdin.take();
    // Written from a thread of its own, so that neither side waits for the other with a full pipe. If the
    // program stops reading, its own words say why.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.map(|mut input| input.write_all(dot.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|e| failed(e.to_string()))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ctx, Draw, ParamStore, Run};
    use rushlight_distributions::{Normal, Rng};

    /// A plate that is opened twice, one inside it, and a name with all that needs an escape.
    fn trace() -> Trace {
        let program = |ctx: &mut Ctx| {
            let normal = |loc| Normal::new(loc, 1.0);
            let z = ctx.sample("a \"b\"\\c", normal(0.0)?)?;
            ctx.sample("helper", Draw::from(normal(0.0)?).auxiliary())?;
            ctx.plate("rows", 2, |ctx| {
                let y = ctx.sample("y", Normal::new(&z, 1.0)?)?;
                ctx.plate("columns", 3, |ctx| ctx.observe("x", Normal::new(&y, 1.0)?, 0.5))
            })?;
            ctx.plate("rows", 2, |ctx| ctx.sample("again", normal(0.0)?).map(drop))
        };
        Run::new(&ParamStore::default(), Rng::seed(0)).execute(program).unwrap().0
    }

    #[test]
    fn the_graph_is_pinned() {
        assert_eq!(
            trace().to_dot(),
            r#"digraph trace {
  "a \"b\"\\c" [shape=ellipse, label="a \"b\"\\c\nNormal"];
  "helper" [shape=ellipse, label="helper\nNormal", style=dashed];
  subgraph cluster_0 {
    label="rows=2";
    "y" [shape=ellipse, label="y\nNormal"];
    "again" [shape=ellipse, label="again\nNormal"];
    subgraph cluster_1 {
      label="columns=3";
      "x" [shape=ellipse, label="x\nNormal", style=filled, fillcolor=lightgray];
    }
  }
  "a \"b\"\\c" -> "y";
  "y" -> "x";
}
"#
        );
    }

    #[test]
    fn the_graph_is_drawn() {
        if Command::new("dot").arg("-V").output().is_err() {
            println!("skipped: no Graphviz on this machine");
            return;
        }
        let path = std::env::temp_dir().join(format!("rushlight-{}.svg", std::process::id()));
        trace().save_svg(&path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(svg.contains("<svg"));
        for text in ["a &quot;b&quot;\\c", "helper", "y", "x", "again", "rows=2", "columns=3"] {
            assert!(svg.contains(&format!(">{text}</text>")), "{text}: {svg}");
        }
    }

    #[test]
    fn no_graphviz_is_a_clear_error() {
        let found = render("no-such-dot", &trace().to_dot()).unwrap_err().to_string();
        let reason = Command::new("no-such-dot").output().unwrap_err();
        assert_eq!(
            found,
            format!(
                "the program `dot` of Graphviz could not draw the graph (`no-such-dot`: {reason}); install \
                 Graphviz (`apt install graphviz`, `brew install graphviz`), or draw what `Trace::to_dot` \
                 returns elsewhere"
            )
        );
    }

    /// `cat` knows no option `-s` that takes a value, so it fails and says so.
    #[test]
    #[cfg(unix)]
    fn a_program_that_fails_is_quoted() {
        let found = render("cat", &"x".repeat(1 << 20)).unwrap_err();
        assert!(matches!(&found, Error::Graphviz { reason } if reason.contains("cat")), "{found}");
    }
}
