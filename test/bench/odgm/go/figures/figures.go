// Package figures is what the load tools of this bench tell in the same way.
package figures

import (
	"log"
	"syscall"
	"time"
)

// Percentile is the duration in milliseconds that this share of all did not exceed; 0 of none.
func Percentile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	place := min(len(sorted)-1, int(float64(len(sorted))*share))
	return float64(sorted[place].Microseconds()) / 1000
}

// CPUSeconds is what this process has used.
func CPUSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
