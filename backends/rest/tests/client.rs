//! The client's promises that no store can show: where plain HTTP may lead, redirects, roots, proxies, tokens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod support;

use pkic_backend::error::{Problem, StoreError};
use pkic_backend_rest::client::{Answer, Client, Method, Repeat, Request, Route, Verdict};
use pkic_backend_rest::token::{Held, Token, fetch, form};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use support::{Fake, Reply, TestMachine};

fn client(variables: &[(&str, &str)]) -> Client {
    Client::new(&Route::default(), TestMachine::new(variables)).unwrap()
}

fn get(client: &Client, url: &str) -> Result<Answer, StoreError> {
    let make =
        || Ok(Request { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: Vec::new() });
    client.call("test", Repeat::Always, &make, |answer| Verdict::of_status(answer.status, ""))
}

#[test]
fn plain_http_leads_to_this_machine_alone() {
    let client = client(&[]);
    for url in [
        "http://kms.example/",
        "http://127.0.0.1.example/",
        "http://127.0.0.1@kms.example/",
        "http://kms.example:80/?127.0.0.1",
        "http://localhost.:1/",
        "HTTP://kms.example/",
        "ftp://127.0.0.1/",
        "",
    ] {
        let error = get(&client, url).unwrap_err();
        assert_eq!(error.problem, Problem::Configuration, "{url}: {error}");
    }
    let fake = Fake::start(|_, _| Reply::Json(200, json!({})));
    assert_eq!(get(&client, &fake.url).unwrap().status, 200);
    assert_eq!(get(&client, &fake.url.replace("127.0.0.1", "localhost")).unwrap().status, 200);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Fake::start(|_, _| Reply::Json(200, json!({})));
    let location = format!("{}/elsewhere", other.url);
    let fake = Fake::start(move |_, _| Reply::Bytes(302, vec![("location", location.clone())], Vec::new()));
    assert_eq!(get(&client(&[]), &fake.url).unwrap().status, 302);
    assert!(other.calls().is_empty());
}

#[test]
fn a_proxy_is_for_other_machines_and_its_password_does_not_show() {
    let fake = Fake::start(|_, _| Reply::Json(200, json!({})));
    let proxied = client(&[("HTTPS_PROXY", "http://user:tiger@127.0.0.1:1")]);
    assert_eq!(get(&proxied, &fake.url).unwrap().status, 200);
    let error = get(&proxied, "https://kms.example/").unwrap_err();
    assert_eq!(error.problem, Problem::Unreachable);
    assert!(!error.to_string().contains("tiger"), "{error}");
    let machine = TestMachine::new(&[("HTTPS_PROXY", "user:tiger@:::")]);
    let error = Client::new(&Route::default(), machine).err().unwrap();
    assert!(error.problem == Problem::Configuration && !error.to_string().contains("tiger"), "{error}");
}

#[test]
fn roots_that_do_not_read_are_refused() {
    let path = std::env::temp_dir().join(format!("pkic-rest-roots-{}.pem", std::process::id()));
    std::fs::write(&path, "no certificate").unwrap();
    let route = Route { roots: Some(path.clone()), ..Route::default() };
    let error = Client::new(&route, TestMachine::new(&[])).err().unwrap();
    let _ = std::fs::remove_file(&path);
    assert!(error.problem == Problem::File && error.what.contains("no certificate"), "{error}");
    let error = Client::new(&route, TestMachine::new(&[])).err().unwrap();
    assert_eq!(error.problem, Problem::File);
}

/// A server without TLS behind `https:` is no server.
#[test]
fn what_speaks_no_tls_is_not_spoken_to() {
    let fake = Fake::start(|_, _| Reply::Json(200, json!({})));
    let error = get(&client(&[]), &fake.url.replace("http:", "https:")).unwrap_err();
    assert_eq!(error.problem, Problem::Unreachable, "{error}");
    assert!(fake.calls().iter().all(|call| call.headers.is_empty()));
}

#[test]
fn a_token_is_kept_until_shortly_before_it_ends() {
    let fake = Fake::start(|count, received| {
        assert_eq!(received.body, b"grant_type=client_credentials&client_secret=a%2Bb%26c");
        Reply::Json(
            200,
            json!({ "access_token": format!("t{count}"), "expires_in": "3600", "token_type": "Bearer" }),
        )
    });
    let client = client(&[]);
    let request = form(&fake.url, &[("grant_type", "client_credentials"), ("client_secret", "a+b&c")]);
    let held = Held::default();
    let at = |seconds| {
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        held.header(now, || fetch(&client, "token", &request)).unwrap().1
    };
    assert_eq!((at(0), at(3_479), at(3_480)), ("Bearer t0".into(), "Bearer t0".into(), "Bearer t1".into()));
    held.forget();
    assert_eq!(at(3_480), "Bearer t2");
    assert!(!format!("{held:?}").contains("t2"));
}

#[test]
fn a_token_that_is_none_is_refused_and_not_shown() {
    for text in ["", "two words", "line\nbreak", "naïve"] {
        assert_eq!(Token::new(text, "token").unwrap_err().problem, Problem::Credentials, "{text}");
    }
    let answers = [
        (
            401,
            json!({ "error": "invalid_client", "error_description": "secret tiger" }),
            Problem::Credentials,
        ),
        (200, json!({ "access_token": "tiger" }), Problem::Answer),
        (200, json!({ "access_token": "tiger !", "expires_in": 1 }), Problem::Credentials),
    ];
    for (status, answer, problem) in answers {
        let fake = Fake::start(move |_, _| Reply::Json(status, answer.clone()));
        let client = Arc::new(client(&[]));
        let error = fetch(&client, "token", &form(&fake.url, &[("client_secret", "tiger")])).unwrap_err();
        assert_eq!(error.problem, problem, "{error}");
        assert!(!format!("{error:?}").contains("tiger"), "{error:?}");
    }
}
