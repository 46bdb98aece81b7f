package front

import (
	"container/list"
	"strconv"
	"sync"
	"time"
)

// Rate is how many requests a second somebody may make in the long run, and how many at once after a rest. The zero value is
// any number.
type Rate struct {
	PerSecond float64
	Burst     int
}

// mostBuckets bounds the memory that limits take: of more clients than these, who was silent for longest is forgotten.
const mostBuckets = 50_000

// buckets hold how much each client may still ask for.
type buckets struct {
	rate  Rate
	now   func() time.Time
	most  int
	mu    sync.Mutex
	by    map[string]*list.Element
	order list.List // whoever asked last stands in front
}

type bucket struct {
	key  string
	left float64
	at   time.Time
}

func newBuckets(r Rate, now func() time.Time) *buckets {
	return &buckets{rate: r, now: now, most: mostBuckets, by: map[string]*list.Element{}}
}

// take counts one request of a client. Where it may not be made, it answers how long to wait.
func (b *buckets) take(key string) time.Duration {
	if b.rate.PerSecond <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now, full := b.now(), float64(max(b.rate.Burst, 1))
	e := b.by[key]
	if e == nil {
		if len(b.by) >= b.most {
			last := b.order.Back()
			delete(b.by, last.Value.(*bucket).key)
			b.order.Remove(last)
		}
		e = b.order.PushFront(&bucket{key, full, now})
		b.by[key] = e
	} else {
		b.order.MoveToFront(e)
	}
	k := e.Value.(*bucket)
	k.left = min(full, k.left+max(now.Sub(k.at).Seconds(), 0)*b.rate.PerSecond)
	k.at = now
	if k.left < 1 {
		return time.Duration((1 - k.left) / b.rate.PerSecond * float64(time.Second))
	}
	k.left--
	return 0
}

// counter counts what each client has under way.
type counter struct {
	most int
	mu   sync.Mutex
	by   map[string]int
}

func newCounter(most int) *counter { return &counter{most: most, by: map[string]int{}} }

func (c *counter) enter(key string) bool {
	if c.most <= 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[key] >= c.most {
		return false
	}
	c.by[key]++
	return true
}

func (c *counter) leave(key string) {
	if c.most <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[key]--; c.by[key] <= 0 {
		delete(c.by, key)
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
