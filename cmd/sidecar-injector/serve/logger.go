package serve

import (
	"io"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// newLogger returns a logger that writes JSON lines to w, without sampling, so that every decision is
// logged. The loggers of controller-runtime, client-go and the standard library, to which net/http logs
// failed handshakes, are redirected to it.
func newLogger(w io.Writer, debug bool) logr.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	level := zapcore.InfoLevel
	if debug {
		level = zapcore.DebugLevel
	}
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoding), zapcore.Lock(zapcore.AddSync(w)), level))
	// It fails only for an invalid level.
	_, _ = zap.RedirectStdLogAt(logger.Named("net/http"), zapcore.DebugLevel)
	log := zapr.NewLogger(logger)
	ctrllog.SetLogger(log) // its loggers are already named controller-runtime
	klog.SetLoggerWithOptions(log.WithName("client-go"), klog.ContextualLogger(true))
	return log
}
