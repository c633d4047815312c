//! `pkic evidence challenge`: a nonce for one requester, to be answered by evidence.
use crate::World;
use crate::challenge::{self, base64url, hex};
use crate::cli::{EvidenceChallenge, ShowFormat};
use crate::failure::{Exit, Failure};
use crate::output::{Answer, Outcome, Page, inert};
use crate::{inputs, randomness};
use pkic_facts::challenge::{Challenge, Terms};
use pkic_vocab::time::format_date;

/// Runs the command.
pub(crate) fn run(arguments: &EvidenceChallenge, world: World) -> Outcome {
    let now = inputs::moment(arguments.at, world.now)?;
    let key = challenge::key(&arguments.key)?;
    let expires =
        arguments.expires.unwrap_or_else(|| now.saturating_add(arguments.lifetime.unwrap_or_default()));
    if expires <= now {
        let what =
            format!("the challenge would end at {}, and now is {}", format_date(expires), format_date(now));
        return Err(Failure::usage_with_help(what, "give `--expires` a later moment, or say `--for 10min`"));
    }
    let terms = Terms {
        authority: arguments.authority.clone(),
        profile: arguments.profile.clone(),
        requester: arguments.requester.clone(),
        expires,
    };
    let made = Challenge::mint(&key, randomness::octets()?, terms);
    if arguments.format == ShowFormat::Json {
        return Answer::json(&challenge::record(&made), Exit::Holds);
    }
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut page = Page::default();
    page.table(
        "",
        &[
            row("nonce", hex(&made.nonce)),
            row("base64url", base64url(&made.nonce)),
            row("authority", inert(&made.terms.authority)),
            row("profile", inert(&made.terms.profile)),
            row("requester", inert(&made.terms.requester)),
            row("until", format_date(expires)),
        ],
    );
    page.gap();
    page.line("to have an answer recognised, keep the record: `--format json`");
    Ok(Answer::new(page, Exit::Holds))
}
