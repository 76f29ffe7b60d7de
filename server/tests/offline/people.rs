//! People: who is in the topic, and what they say becomes of conflicts.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::edits::TOPIC;
use crate::ground::Reply;
use crate::paced::Paced;
use crate::world::{Sent, World};

impl World<'_> {
    pub async fn learn_members(&mut self) {
        let store = std::sync::Arc::clone(self.ground.store());
        self.members.clear();
        for (place, user) in self.users.iter().enumerate() {
            if !store.memberships(&self.tenant, user).await.unwrap().is_empty() {
                self.members.insert(place);
            }
        }
    }

    pub async fn change_membership(&mut self, user: usize) {
        let path = format!("/api/v1/topics/{TOPIC}/members/{}", self.users[user].as_str());
        let (method, body) = match self.members.remove(&user) {
            true => ("DELETE", Value::Null),
            false => ("PUT", json!({ "role": "member" })),
        };
        let reply = self.called_by_admin(method, &path, body).await;
        if method == "PUT" {
            self.members.insert(user);
        }
        assert!([201, 204].contains(&reply.0), "{} {}", reply.0, reply.1);
    }

    /// Somebody loses a topic while their work for it is being decided: what had not taken effect by then never does.
    pub async fn remove_while_pushing(&mut self, index: usize) {
        let user = self.devices[index].user;
        let is_member = self.members.contains(&user);
        let request = self.request(index);
        let mut call = self.begun(&request);
        call.go(1 + self.dice.below(7)).await;
        if !is_member {
            return;
        }
        self.change_membership(user).await;
        let known = self.outcomes(user, &request.operations).await;
        let reply = call.finish().await;
        let answer = Answer::read(&reply.1).unwrap_or_else(|| panic!("{} {}", reply.0, reply.1));
        for (id, result) in request.operations.iter().zip(&answer.results) {
            if self.meant[id].key.topic.is_some() && !known.contains_key(id) {
                let seed = self.seed;
                assert_eq!(
                    result.status, "rejected",
                    "seed {seed}: {id} came after its user had left"
                );
            }
        }
        self.sent.push(Sent::Answer(request, reply.1));
    }

    pub async fn conflicts(&self, user: usize, status: &str) -> Vec<Value> {
        let path = format!("/api/v1/sync/conflicts?status={status}&limit=500");
        let reply = self.called_by(user, "GET", &path, Value::Null).await;
        assert_eq!(reply.0, 200, "{}", reply.1);
        let list: Value = serde_json::from_str(&reply.1).unwrap();
        assert!(list["next_cursor"].is_null());
        list["items"].as_array().unwrap().clone()
    }

    fn word(&mut self, conflict: &Value, device: &str) -> Value {
        let adds_up = ["tally", "board"].contains(&conflict["entityType"].as_str().unwrap());
        let mut word = match self.dice.below(4) {
            _ if adds_up => json!({ "resolution": "server_wins" }),
            0 => json!({ "resolution": "server_wins" }),
            1 => json!({ "resolution": "client_wins" }),
            2 => json!({ "resolution": "merge", "mergedData": { "t": "merged" } }),
            _ => json!({ "resolution": "manual", "mergedData": { "t": "by hand", "w": 1 } }),
        };
        word["deviceId"] = json!(device);
        if self.dice.happens(30) {
            word["baseVersion"] = conflict["serverVersion"].clone();
        }
        word
    }

    /// A person says what becomes of a conflict; the answer may be lost, others may come between, and they may say it
    /// twice.
    pub async fn resolve_one(&mut self, index: usize) {
        let user = self.devices[index].user;
        let open = self.conflicts(user, "pending").await;
        if open.is_empty() {
            return;
        }
        let conflict = &open[self.dice.place(open.len())];
        let device = self.devices[index].name.clone();
        let word = self.word(conflict, &device);
        let path = format!("/api/v1/sync/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
        let call = self.ground.call(&self.tokens[user], ("POST", &path), word.to_string());
        let mut call = Paced::new(call);
        call.go(1 + self.dice.below(8)).await;
        if self.dice.happens(20) {
            return;
        }
        if self.dice.happens(50) {
            let other = self.request(index);
            let reply = self.called(&other).await;
            self.sent.push(Sent::Answer(other, reply.1));
        }
        let first = call.finish().await;
        assert!([200, 403, 409].contains(&first.0), "{word}: {}", first.1);
        let again = self.called_by(user, "POST", &path, word.clone()).await;
        let conflict = |reply: &Reply| -> Value {
            let answer: Value = serde_json::from_str(&reply.1).unwrap();
            answer["conflict"].clone()
        };
        let is_same = || again.0 == 200 && conflict(&first) == conflict(&again);
        assert!(first.0 != 200 || is_same(), "{word}: {} and then {}", first.1, again.1);
        let mut otherwise = word;
        otherwise["resolution"] = json!("merge");
        otherwise["mergedData"] = json!({ "t": "something else" });
        let otherwise = self.called_by(user, "POST", &path, otherwise).await;
        assert!(first.0 != 200 || otherwise.0 == 409, "{}", otherwise.1);
    }

    pub async fn resolve_all(&mut self, user: usize) {
        for conflict in self.conflicts(user, "pending").await {
            let mut word = self.word(&conflict, "d0");
            word.as_object_mut().unwrap().remove("baseVersion");
            let path =
                format!("/api/v1/sync/conflicts/{}/resolve", conflict["id"].as_str().unwrap());
            let reply = self.called_by(user, "POST", &path, word).await;
            let is_shut = reply.0 == 403 && conflict["topicId"].is_string();
            assert!(reply.0 == 200 || is_shut, "seed {}: {}", self.seed, reply.1);
        }
    }
}
