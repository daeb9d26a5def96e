package wire

import (
	"sync"
	"sync/atomic"
)

// Bulk is the number of bytes that are moved at once: some whole TLS records.
const Bulk = 128 << 10

// LargeBuffer is for bulk data, with room for TLS records around it;
// RecordBuffer is for bulk data while no LargeBuffer is free, and SmallBuffer for
// commands and replies. All come from pools and are returned as soon as they are
// empty.
type (
	LargeBuffer  [Bulk + 1<<10]byte
	RecordBuffer [recordSize]byte
	SmallBuffer  [2 << 10]byte
)

// MaxLarge is the number of large buffers that are in use at most, 32 MiB in all.
// A session needs one for less than a millisecond, but keeps it while its peer
// does not read: thousands of such sessions must not hold one each.
const MaxLarge = 256

var (
	largeBuffers  = sync.Pool{New: func() any { return new(LargeBuffer) }}
	recordBuffers = sync.Pool{New: func() any { return new(RecordBuffer) }}
	smallBuffers  = sync.Pool{New: func() any { return new(SmallBuffer) }}

	largeInUse atomic.Int32
)

// TakeLarge takes a buffer from the pool, or returns nil if MaxLarge are in use.
func TakeLarge() *LargeBuffer {
	if largeInUse.Add(1) > MaxLarge {
		largeInUse.Add(-1)
		return nil
	}
	return largeBuffers.Get().(*LargeBuffer)
}

// Give returns the buffer to the pool; it must not be used afterwards.
func (b *LargeBuffer) Give() {
	largeBuffers.Put(b)
	largeInUse.Add(-1)
}

// TakeRecord takes a buffer from the pool.
func TakeRecord() *RecordBuffer { return recordBuffers.Get().(*RecordBuffer) }

// Give returns the buffer to the pool; it must not be used afterwards.
func (b *RecordBuffer) Give() { recordBuffers.Put(b) }

// TakeSmall takes a buffer from the pool.
func TakeSmall() *SmallBuffer { return smallBuffers.Get().(*SmallBuffer) }

// Give returns the buffer to the pool; it must not be used afterwards.
func (b *SmallBuffer) Give() { smallBuffers.Put(b) }
