package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// A bench is one run.
type bench struct {
	contenders []contender
	dir        string
	rounds     int
	quick      bool
	slow       slowGroup // empty where none can be made
	slowed     bool      // contenders are started in it
}

// A measure fills in a cell for each contender; "" where it has none.
type measure struct {
	name, goal string
	slow       bool // with the processor of a 128 MB function
	take       func(context.Context, *bench, []string) error
}

// at128 ends the names of figures that are taken with the processor of a 128 MB
// function.
const at128 = ", at 128 MB (1/14 of a processor)"

var measures = []measure{
	{"exec to registered", "floor + 1 ms", false, measureInit(registered)},
	{"exec to registered" + at128, "", true, measureInit(registered)},
	{"init, exec to first next", "floor + 3 ms", false, measureInit(firstNext)},
	{"init, exec to first next" + at128, "", true, measureInit(firstNext)},
	{"resident memory, steady", "floor + 7 MB", false, measureSteady},
	{"resident memory, burst of 20,000 lines", "floor + 16 MB", false, measureBurst},
	{"processor time of an invocation: nothing logged", "floor + 0.5 ms", false, measureInvocation("end", 0)},
	{"processor time of an invocation: nothing logged" + at128, "", true, measureInvocation("end", 0)},
	{"processor time of an invocation: 10 lines, durable", "2.1 ms", false, measureInvocation("end", 10)},
	{"processor time of an invocation: 10 lines, durable" + at128, "", true, measureInvocation("end", 10)},
	{"processor time of an invocation: 10 lines, adaptive, busy", "1.4 ms", false, measureInvocation("adaptive", 10)},
	{"processor time of an invocation: 10 lines, adaptive, busy" + at128, "", true, measureInvocation("adaptive", 10)},
	{"processor time per 1,000 lines of 300 B, burst, HTTP", "12 ms", false, measureProcessor(false, "line")},
	{"processor time per 1,000 lines of 300 B, burst, TLS", "15 ms", false, measureProcessor(true, "line")},
	{"processor time per 1,000 lines of 300 B, burst, LOGTABLE_LAYOUT=auto", "10 ms", false,
		measureProcessor(false, "auto")},
	{"billed after the response: nothing logged, p50 / p95", "29 / 33 ms", false, measureHeld("end", 0)},
	{"billed after the response: 5 lines, durable, p50 / p95", "29 / 33 ms + the table", false, measureHeld("end", 5)},
	{"billed after the response: 5 lines, adaptive, busy, p50 / p95", "0 / 1 ms", false, measureHeld("adaptive", 5)},
	{"lines accepted for 10 s beside their producer", "50,000 a second", false, measureRate},
	{"wake-ups in 5 s of an idle thawed environment", "none of ours", false, measureIdle},
	{"layer, zipped, arm64 / x86_64", "4 MB", false, measureSize},
}

func registered(r lambda.InitResult) time.Duration { return r.Registered }

func firstNext(r lambda.InitResult) time.Duration { return r.Extension }

// measureInit takes the median of what took says of an init.
func measureInit(took func(lambda.InitResult) time.Duration) func(context.Context, *bench, []string) error {
	return func(ctx context.Context, b *bench, cells []string) error {
		rounds := b.rounds
		if b.slowed {
			rounds = max(rounds/4, 3)
		}
		return b.inTurn(ctx, cells, rounds, nil, func(s *stage) (time.Duration, error) {
			return took(s.env.Init()), nil
		})
	}
}

// lives is how many pairs of environments give an invocation's processor time.
const lives = 5

// measureInvocation takes the processor time of one invocation: what an
// environment's whole life costs less that of one which ends when the traffic
// is known for what it is, as the kernel accounts them.
func measureInvocation(flush string, lines int) func(context.Context, *bench, []string) error {
	return func(ctx context.Context, b *bench, cells []string) error {
		const before = 5
		more := 200
		if b.quick {
			more = 40
		}
		env := map[string]string{"LOGTABLE_FLUSH": flush}
		return b.inTurn(ctx, cells, lives, env, func(s *stage) (time.Duration, error) {
			short, err := s.life(ctx, before, lines)
			if err != nil {
				return 0, err
			}
			again, err := b.begin(ctx, s.contender, env, false)
			if err != nil {
				return 0, err
			}
			defer again.end()
			long, err := again.life(ctx, before+more, lines)
			return (long - short) / time.Duration(more), err
		})
	}
}

// inTurn fills the cells with medians, and measures the contenders in turn, so
// that the machine's moods hit all.
func (b *bench) inTurn(
	ctx context.Context, cells []string, rounds int, env map[string]string,
	take func(*stage) (time.Duration, error),
) error {
	took := make([][]time.Duration, len(cells))
	for range rounds {
		for i, c := range b.contenders {
			s, err := b.begin(ctx, c, env, false)
			if err != nil {
				return err
			}
			d, err := take(s)
			s.end()
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			took[i] = append(took[i], d)
		}
	}
	for i := range cells {
		cells[i] = fmt.Sprintf("%.2f ms", quantile(took[i], 0.5).Seconds()*1000)
	}
	return nil
}

func measureSteady(ctx context.Context, b *bench, cells []string) error {
	return b.each(ctx, cells, nil, false, func(s *stage) (string, error) {
		for range 50 {
			if _, err := s.invoke(ctx, 5); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%.1f MB", float64(resident(s.env.ExtensionPID(), "VmRSS"))/1e6), nil
	})
}

func measureBurst(ctx context.Context, b *bench, cells []string) error {
	return b.each(ctx, cells, nil, false, func(s *stage) (string, error) {
		if _, err := s.invoke(ctx, 20_000); err != nil {
			return "", err
		}
		return fmt.Sprintf("%.1f MB", float64(resident(s.env.ExtensionPID(), "VmHWM"))/1e6), nil
	})
}

// measureProcessor takes the processor time of a burst that is written in a
// layout of the table.
func measureProcessor(secure bool, layout string) func(context.Context, *bench, []string) error {
	return func(ctx context.Context, b *bench, cells []string) error {
		env := map[string]string{"LOGTABLE_LAYOUT": layout}
		return b.each(ctx, cells, env, secure, func(s *stage) (string, error) {
			if !s.contender.stores {
				return "", nil
			}
			const lines = 20_000
			if _, err := s.invoke(ctx, 5); err != nil {
				return "", err
			}
			best := time.Duration(0)
			for range 3 {
				before := processorTime(s.env.ExtensionPID())
				if _, err := s.invoke(ctx, lines); err != nil {
					return "", err
				}
				if spent := processorTime(s.env.ExtensionPID()) - before; best == 0 || spent < best {
					best = spent
				}
			}
			return ms(best/(lines/1000)) + " (least of 3)", nil
		})
	}
}

func measureHeld(flush string, lines int) func(context.Context, *bench, []string) error {
	return func(ctx context.Context, b *bench, cells []string) error {
		return b.each(ctx, cells, map[string]string{"LOGTABLE_FLUSH": flush}, false, func(s *stage) (string, error) {
			const before = 5 // until busy traffic is known for what it is
			var held []time.Duration
			for i := range before + 3*b.rounds {
				r, err := s.invoke(ctx, lines)
				if err != nil {
					return "", err
				}
				if i >= before {
					held = append(held, r.Held)
				}
			}
			if _, err := s.shutdown(ctx, (before+3*b.rounds)*lines); err != nil {
				return "", err
			}
			return fmt.Sprintf("%s / %s", ms(quantile(held, 0.5)), ms(quantile(held, 0.95))), nil
		})
	}
}

// measureRate posts telemetry as fast as the listener takes it. Nothing may be
// dropped; what the table does not take in time goes to the spill.
func measureRate(ctx context.Context, b *bench, cells []string) error {
	last := 10 * time.Second
	if b.quick {
		last = 2 * time.Second
	}
	env := map[string]string{"LOGTABLE_SPILL_BYTES": "2GB"}
	return b.each(ctx, cells, env, false, func(s *stage) (string, error) {
		if !s.contender.stores {
			return "", nil
		}
		const perPost = 500
		began, posted := time.Now(), 0
		for n := 0; time.Since(began) < last; n++ {
			var body strings.Builder
			body.WriteByte('[')
			at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
			for i := range perPost {
				if i > 0 {
					body.WriteByte(',')
				}
				body.WriteString(`{"time":"` + at + `","type":"function","record":` +
					strconv.Quote(strings.Replace(line, "{n}", strconv.Itoa(posted+i), 1)) + `}`)
			}
			body.WriteByte(']')
			status, err := s.env.Post(ctx, "", "POST", []byte(body.String()))
			if err != nil || status != 200 {
				return "", fmt.Errorf("a post was answered %d: %w", status, err)
			}
			posted += perPost
		}
		took := time.Since(began)
		if log := s.env.ExtensionOutput(); strings.Contains(log, "lost") {
			return "", fmt.Errorf("lines were lost:\n%s", log)
		}
		return fmt.Sprintf("%.0f a second", float64(posted)/took.Seconds()), nil
	})
}

func measureIdle(ctx context.Context, b *bench, cells []string) error {
	return b.each(ctx, cells, nil, false, func(s *stage) (string, error) {
		if _, err := s.invoke(ctx, 5); err != nil {
			return "", err
		}
		// Past what the first seconds still do: idle connections are closed.
		time.Sleep(7 * time.Second)
		before := switches(s.env.ExtensionPID())
		time.Sleep(5 * time.Second)
		return strconv.Itoa(switches(s.env.ExtensionPID()) - before), nil
	})
}

func measureSize(ctx context.Context, b *bench, cells []string) error {
	dir := filepath.Join(b.dir, "layer")
	if err := command(ctx, ".", nil, "go", "run", "./layer/pack", "-o", dir); err != nil {
		return err
	}
	var sizes []string
	for _, arch := range []string{"arm64", "x86_64"} {
		fi, err := os.Stat(filepath.Join(dir, "logtable-layer-"+arch+".zip"))
		if err != nil {
			return err
		}
		sizes = append(sizes, fmt.Sprintf("%.2f MB", float64(fi.Size())/1e6))
	}
	cells[1] = strings.Join(sizes, " / ")
	return nil
}

// each measures one contender after the other in an environment of its own.
func (b *bench) each(
	ctx context.Context, cells []string, env map[string]string, secure bool, take func(*stage) (string, error),
) error {
	for i, c := range b.contenders {
		s, err := b.begin(ctx, c, env, secure)
		if err != nil {
			return err
		}
		cells[i], err = take(s)
		s.end()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
