//! The guards of a round, asked together: one statement for each kind that occurs.

use std::collections::HashMap;

use landfall_core::feed::Number;
use landfall_core::id::{TopicId, UserId};
use landfall_core::topic::MemberRole;

use super::apply::Member;
use super::rounds::Kind;
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, codes};
use crate::{Answer, Guard, StoreError};

/// Refuses units of which a guard does not hold. A single write's guards are left to it: what the
/// round did before it counts for it.
pub(super) async fn check(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
) -> Answer<()> {
    let mut asked = Asked::default();
    for member in members.iter().filter(|member| is_asked(member)) {
        member.unit.guards.iter().for_each(|guard| asked.add(member, guard));
    }
    let topics = topics(runner, &asked.topics).await?;
    let roles = roles(runner, &asked.members).await?;
    let taught = taught(runner, &asked.taught).await?;
    for member in members.iter_mut().filter(|member| is_asked(member)) {
        let tenant = member.unit.tenant.as_str();
        let holds = |guard: &Guard| match guard {
            Guard::TopicThere(topic) => topics.contains_key(&(tenant, topic.as_str())),
            Guard::TopicAt(topic, at) => topics.get(&(tenant, topic.as_str())) == at.as_ref(),
            Guard::MemberAtLeast(topic, user, least) => {
                let role = roles.get(&(tenant, topic.as_str(), user.as_str()));
                role.is_some_and(|role| role >= least)
            }
            Guard::TaughtBy(user, teacher) => {
                taught.contains_key(&(tenant, user.as_str(), teacher.as_str()))
            }
            // Looked at before everything else, and again at last.
            Guard::NotRevoked(_) => true,
        };
        if !member.unit.guards.iter().all(holds) {
            member.refused = Some(StoreError::Stale);
        }
    }
    Ok(())
}

fn is_asked(member: &Member<'_>) -> bool {
    member.is_in() && member.kind != Kind::One && !member.unit.guards.is_empty()
}

type Pair<'u> = (&'u str, &'u str);
type Triple<'u> = (&'u str, &'u str, &'u str);

#[derive(Default)]
struct Asked<'u> {
    /// Tenant and topic.
    topics: Vec<Pair<'u>>,
    /// Tenant, topic and user.
    members: Vec<Triple<'u>>,
    /// Tenant, user and teacher.
    taught: Vec<Triple<'u>>,
}

impl<'u> Asked<'u> {
    fn add(&mut self, member: &Member<'u>, guard: &'u Guard) {
        let tenant = member.unit.tenant.as_str();
        match guard {
            Guard::TopicThere(topic) | Guard::TopicAt(topic, _) => {
                self.topics.push((tenant, topic.as_str()));
            }
            Guard::MemberAtLeast(topic, user, _) => {
                self.members.push((tenant, TopicId::as_str(topic), UserId::as_str(user)));
            }
            Guard::TaughtBy(user, teacher) => {
                self.taught.push((tenant, user.as_str(), teacher.as_str()));
            }
            Guard::NotRevoked(_) => {}
        }
    }
}

async fn topics<'u>(
    runner: &mut PostgresRunner<'_>,
    asked: &[Pair<'u>],
) -> Answer<HashMap<Pair<'u>, Number>> {
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = "select a.place, t.changed
               from unnest($1::text[], $2::text[], $3::bigint[]) as a (tenant, id, place)
               join topic t on t.tenant = a.tenant and t.id = a.id and t.deleted = 0";
    let tenants: Vec<&str> = asked.iter().map(|asked| asked.0).collect();
    let ids: Vec<&str> = asked.iter().map(|asked| asked.1).collect();
    let places: Vec<i64> = (0..asked.len() as i64).collect();
    let rows = runner.rows(sql, &[&tenants, &ids, &places]).await?;
    let found = rows.iter().map(|row| {
        let row: &dyn Row = row;
        Ok((asked[row.count(0)? as usize], row.number(1)?))
    });
    found.collect()
}

async fn roles<'u>(
    runner: &mut PostgresRunner<'_>,
    asked: &[Triple<'u>],
) -> Answer<HashMap<Triple<'u>, MemberRole>> {
    let sql = "select a.place, m.role
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                   as a (tenant, topic_id, user_id, place)
               join topic_member m on m.tenant = a.tenant and m.topic_id = a.topic_id
                   and m.user_id = a.user_id and m.removed = 0";
    let rows = ask(runner, sql, asked).await?;
    let found = rows.iter().map(|row| {
        let row: &dyn Row = row;
        Ok((asked[row.count(0)? as usize], codes::role(row, 1)?))
    });
    found.collect()
}

async fn taught<'u>(
    runner: &mut PostgresRunner<'_>,
    asked: &[Triple<'u>],
) -> Answer<HashMap<Triple<'u>, ()>> {
    let role = codes::role_code(MemberRole::Teacher);
    let sql = format!(
        "select a.place
         from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
             as a (tenant, user_id, teacher, place)
         where exists (
             select 1 from topic_member t
             join topic_member m on m.tenant = t.tenant and m.topic_id = t.topic_id
             where t.tenant = a.tenant and t.user_id = a.teacher and t.removed = 0
               and t.role >= {role} and m.user_id = a.user_id and m.removed = 0)"
    );
    let rows = ask(runner, &sql, asked).await?;
    let found = rows.iter().map(|row| {
        let row: &dyn Row = row;
        Ok((asked[row.count(0)? as usize], ()))
    });
    found.collect()
}

async fn ask(
    runner: &mut PostgresRunner<'_>,
    sql: &str,
    asked: &[Triple<'_>],
) -> Answer<Vec<tokio_postgres::Row>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let first: Vec<&str> = asked.iter().map(|asked| asked.0).collect();
    let second: Vec<&str> = asked.iter().map(|asked| asked.1).collect();
    let third: Vec<&str> = asked.iter().map(|asked| asked.2).collect();
    let places: Vec<i64> = (0..asked.len() as i64).collect();
    runner.rows(sql, &[&first, &second, &third, &places]).await
}
