// The observer that writes a log.

package observed

import (
	"context"
	"log/slog"
)

// Log returns an observer that writes a record to l at the end of each call of a
// provider: at level Debug if it succeeded, at level Error if it failed. A nil l is
// [slog.Default] at the time of the event.
func Log(l *slog.Logger) Observer { return logger{l} }

type logger struct{ to *slog.Logger }

func (l logger) Observe(e Event) {
	if !e.End || e.Provider == "" {
		return
	}
	to := l.to
	if to == nil {
		to = slog.Default()
	}
	level, text := slog.LevelDebug, "provider called"
	if e.Err != nil {
		level, text = slog.LevelError, "provider failed"
	}
	if !to.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.Uint64("dispatch", e.Dispatch), slog.String("verb", e.Verb), slog.String("capability", e.Capability),
		slog.String("provider", e.Provider), slog.String("scope", e.Scope), slog.Duration("took", e.Took),
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	to.LogAttrs(context.Background(), level, text, attrs...)
}
