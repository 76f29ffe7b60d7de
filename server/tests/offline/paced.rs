//! A call to the server that goes on a step at a time: a step ends where the store is asked something, and the next
//! begins once it has answered. So a call can be left standing while others pass it, or be given up for ever, as the
//! end of a server does, at each of its steps and without a wait that chance decides.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;

/// Rings when the store has answered.
#[derive(Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// A call under way.
pub struct Paced<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    bell: Arc<Bell>,
    result: Option<T>,
}

impl<T> Paced<T> {
    pub fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self { future: Box::pin(future), bell: Arc::default(), result: None }
    }

    /// Goes on by a number of steps, or to the end if that comes first.
    pub async fn go(&mut self, steps: u64) {
        for _ in 0..steps {
            let waker = Waker::from(Arc::clone(&self.bell));
            if self.result.is_some() {
                return;
            }
            match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => self.result = Some(result),
                Poll::Pending => self.bell.0.notified().await,
            }
        }
    }

    /// Goes on to the end.
    pub async fn finish(mut self) -> T {
        loop {
            self.go(1).await;
            if let Some(result) = self.result.take() {
                return result;
            }
        }
    }
}
