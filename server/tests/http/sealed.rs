//! What leads to a person is never in the store as it is, and keys can be changed.

use std::sync::Arc;

use base64::Engine as _;
use landfall_core::channel::Channel;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use landfall_server::config::SealingKey;
use landfall_server::keys::VaultKeys;
use landfall_server::secret::Secret;
use landfall_server::service::people::{PeopleParts, SubscriptionDraft, Target};
use landfall_server::service::{Parts, Services};
use landfall_server::vault::Vault;
use landfall_store::{Recipient, Unit, Write};
use serde_json::json;

use crate::harness::{SECRET, Server, parts, service, token};
use crate::reach::Letter;

const PHONE: &str = "+1234567890";
const EMAIL: &str = "sarah@example.org";
const TOKEN: &str = "firebase_token_here";
const ENDPOINT: &str = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV";
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn tenant() -> Tenant {
    Tenant::parse("default").unwrap()
}

async fn fill(server: &Server) {
    let body = json!({ "email": EMAIL, "phone": PHONE });
    let made = server.call(&service(), "PUT", "/api/v1/users/sarah", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let sarah = token("sarah", &[]);
    let device = json!({ "token": TOKEN, "platform": "android" });
    server.call(&sarah, "POST", "/api/v1/notifications/tokens", device).await;
    let body = json!({ "endpoint": ENDPOINT, "p256dh": P256DH, "auth": AUTH });
    let made = server.call(&sarah, "POST", "/push/subscribe", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

async fn recipient(server: &Server) -> Recipient {
    let users = vec![UserId::parse("sarah").unwrap()];
    server.store.recipients(&tenant(), users).await.unwrap().users.remove(0)
}

/// Services over the same store with other keys.
fn services(server: &Server, ring: &[(&str, u8)]) -> Services {
    let theirs = &server.app.services;
    let key = |(id, byte): &(&str, u8)| SealingKey {
        id: (*id).to_owned(),
        bytes: zeroize::Zeroizing::new([*byte; 32]),
    };
    let keys = VaultKeys { ring: ring.iter().map(key).collect(), lookup: Secret::new(SECRET) };
    Services::new(Parts {
        people: PeopleParts { vault: Arc::new(Vault::new(&keys)), ..theirs.people.clone() },
        ..parts(Arc::clone(&server.store))
    })
}

/// A number that a request brings along, sealed with the key `k1` of byte 5.
const BROUGHT: &str = "+15557654321";

/// Puts a delivery to it into the outbox, and a notification that goes out tomorrow.
async fn bring_a_number(server: &Server) {
    let letter = Letter::to("sarah", &[Channel::Sms]);
    let (_, mut write) = letter.enqueue(Channel::Sms);
    let Write::Enqueue { deliveries, .. } = &mut write else { panic!("{write:?}") };
    let old = services(server, &[("k1", 5)]);
    deliveries[0].to = Some(old.seal_brought(&tenant(), &letter.user, BROUGHT));
    let unit = Unit { writes: vec![write], ..Unit::new(&tenant()) };
    server.store.commit(unit).await.unwrap();
    let tomorrow = Timestamp::from_ms(now_ms()).plus_ms(86_400_000).to_string();
    let body = json!({ "user_id": "sarah", "notification_type": "news", "message": "m",
        "channels": ["sms"], "phone_number": BROUGHT, "deliver_at": tomorrow });
    let answer = server.call(&service(), "POST", "/api/v1/notify", body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

async fn waiting_numbers(server: &Server) -> [Vec<u8>; 2] {
    let delivery = server.store.sealed_deliveries(None, 9).await.unwrap().remove(0);
    let send = server.store.sealed_sends(None, 9).await.unwrap().remove(0);
    [delivery.to.unwrap(), send.later.unwrap().phone.unwrap()]
}

#[tokio::test]
async fn a_sender_opens_what_was_registered() {
    let server = Server::start().await;
    fill(&server).await;
    let services = &server.app.services;
    let recipient = recipient(&server).await;
    let person = recipient.person.as_ref().unwrap();
    let phone = services.open_phone(&tenant(), person).unwrap().unwrap();
    assert_eq!(phone.expose(), PHONE);
    let email = services.open_email(&tenant(), person).unwrap().unwrap();
    assert_eq!(email.expose(), EMAIL);
    assert_eq!(recipient.addresses.len(), 2);
    let mut opened = 0;
    for address in &recipient.addresses {
        match services.open_address(&tenant(), address).unwrap() {
            Target::Fcm(landfall_channels::FcmTarget::Token(token)) => assert_eq!(token, TOKEN),
            Target::WebPush(subscription) => {
                assert_eq!(subscription.endpoint, ENDPOINT);
                assert_eq!(subscription.auth.len(), 16);
                assert_eq!(subscription.server_key.as_deref(), Some(services.server_key()));
            }
            other => panic!("{other:?}"),
        }
        opened += 1;
    }
    assert_eq!(opened, 2);
    let hash = |text| services.address_hash(&tenant(), Channel::Email, text);
    assert_eq!(hash("Sarah@Example.org"), person.email.as_ref().unwrap().hash);
}

#[tokio::test]
async fn nothing_in_the_store_shows_an_address() {
    let server = Server::start().await;
    fill(&server).await;
    let recipient = recipient(&server).await;
    let person = recipient.person.unwrap();
    let mut secrets: Vec<Vec<u8>> =
        recipient.addresses.into_iter().map(|a| a.secret.bytes).collect();
    secrets.extend([person.email.unwrap().bytes, person.phone.unwrap().bytes]);
    for sealed in &secrets {
        for text in [PHONE, EMAIL, TOKEN, ENDPOINT, AUTH, P256DH, "push.example.net"] {
            let found = sealed.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!found, "{text}");
        }
    }
}

#[tokio::test]
async fn a_new_key_seals_everything_anew_and_the_old_one_can_go() {
    let server = Server::start().await;
    fill(&server).await;
    let (k1, k2) = (("k1", 5), ("k2", 6));
    let only_new = services(&server, &[k2]);
    bring_a_number(&server).await;
    let person = recipient(&server).await.person.unwrap();
    assert!(only_new.open_phone(&tenant(), &person).is_err());

    let both = services(&server, &[k2, k1]);
    while both.renew_seals(2).await.unwrap() >= 2 {}
    let after = recipient(&server).await;
    let renewed = after.person.unwrap();
    assert_eq!(only_new.open_phone(&tenant(), &renewed).unwrap().unwrap().expose(), PHONE);
    assert_eq!(only_new.open_email(&tenant(), &renewed).unwrap().unwrap().expose(), EMAIL);
    for address in &after.addresses {
        assert!(only_new.open_address(&tenant(), address).is_ok());
    }
    for brought in waiting_numbers(&server).await {
        let opened = only_new.open_brought(&tenant(), &UserId::parse("sarah").unwrap(), &brought);
        assert_eq!(opened.unwrap().expose(), BROUGHT);
    }
    // Nothing moves when nothing is to be done, and what is registered again is found.
    while both.renew_seals(2).await.unwrap() >= 2 {}
    assert_eq!(recipient(&server).await.person.unwrap().version, renewed.version);
    let device = json!({ "token": TOKEN, "platform": "android" });
    let sarah = token("sarah", &[]);
    let again = server.call(&sarah, "POST", "/api/v1/notifications/tokens", device).await;
    assert_eq!(again.status, 200, "{}", again.text);
}

#[tokio::test]
async fn what_does_not_open_is_left_as_it_is() {
    let server = Server::start().await;
    fill(&server).await;
    let before = recipient(&server).await;
    let strangers = services(&server, &[("k8", 8), ("k9", 9)]);
    while strangers.renew_seals(2).await.unwrap() >= 2 {}
    assert_eq!(recipient(&server).await, before);
}

#[tokio::test]
async fn an_owner_sees_the_rest_of_what_does_not_open() {
    use landfall_core::auth::Caller;
    use landfall_server::service::people::Whose;
    let server = Server::start().await;
    fill(&server).await;
    let caller = Caller {
        tenant: tenant(),
        user: UserId::parse("sarah").unwrap(),
        name: None,
        locale: None,
        tz: None,
        roles: Vec::new(),
        scopes: std::iter::empty().collect(),
        expires_at: Timestamp::from_ms(i64::MAX),
        token_id: None,
        issued_at: None,
    };
    let strangers = services(&server, &[("k9", 9)]);
    let profile = strangers.profile(&caller, Whose::Own).await.unwrap();
    assert_eq!(profile.phone.unwrap().expose(), "…");
    let kind = landfall_store::AddressKind::Fcm;
    let views = strangers.own_addresses(&caller, kind).await.unwrap();
    assert_eq!(views[0].shown, "…");
}

#[tokio::test]
async fn a_subscription_keeps_the_key_that_it_was_made_with() {
    let server = Server::start().await;
    fill(&server).await;
    let now = server.app.services.now().as_ms();
    let sarah = server.app.verifier.verify(&token("sarah", &[]), now).unwrap();
    // Any point of the curve will do for the key of tomorrow.
    let other = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(P256DH).unwrap();
    let theirs = &server.app.services;
    let after = Services::new(Parts {
        people: PeopleParts { server_key: other.clone(), ..theirs.people.clone() },
        ..parts(Arc::clone(&server.store))
    });
    let subscribe = async |auth: &str| {
        let draft = SubscriptionDraft {
            endpoint: Secret::new(ENDPOINT),
            p256dh: Secret::new(P256DH),
            auth: Secret::new(auth),
            keys_at: "",
            device: None,
        };
        after.subscribe(&sarah, draft).await.unwrap();
        let of_browser = |target| match target {
            Target::WebPush(subscription) => Some(subscription.server_key.unwrap()),
            Target::Fcm(_) => None,
        };
        let addresses = recipient(&server).await.addresses;
        let targets = addresses.iter().map(|one| after.open_address(&tenant(), one).unwrap());
        targets.into_iter().find_map(of_browser).unwrap()
    };
    assert_eq!(subscribe(AUTH).await, theirs.server_key());
    // Another secret is another subscription, which was made with the key of today.
    assert_eq!(subscribe("AAAAAAAAAAAAAAAAAAAAAA").await, other);
}
