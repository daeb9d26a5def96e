package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/letterlock/letterlock/internal/cluster"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/proxy"
)

const (
	connectionsTime    = 2 * time.Second  // between two exchanges
	connectionsLife    = 15 * time.Second // of what an instance has written or read
	connectionsVersion = 1

	// maxShownClients bounds the clients of one instance that the others get.
	maxShownClients = 4096

	// shownShare is the part of limits.connections_per_client from which on the sessions
	// of a client are shared.
	shownShare = 64
)

// storedConnections is the form of an instance's sessions in the store.
type storedConnections struct {
	Version int            `json:"version"`
	Clients limit.Sessions `json:"clients"`
}

// connectionsName is the name of the sessions of a process.
func connectionsName(process string) cluster.Name {
	return cluster.Name{Kind: "connections", ID: process}
}

// shareConnections writes the sessions of the clients that have many here, and reads
// those of the other instances.
func shareConnections(ctx context.Context, store *cluster.Store, server *proxy.Server, perClient int, log *slog.Logger) {
	text, err := json.Marshal(storedConnections{connectionsVersion, server.ClientSessions(perClient/shownShare, maxShownClients)})
	if err == nil {
		err = store.Set(ctx, connectionsName(store.ID()), text, connectionsLife)
	}
	var sum limit.Sessions
	if err == nil {
		sum, err = connectionsElsewhere(ctx, store)
	}
	if err != nil {
		log.Debug("cluster: connections", "error", err)
		return
	}
	server.SetSessionsElsewhere(sum, time.Now().Add(connectionsLife))
}

// connectionsElsewhere returns the sessions of clients at the other instances.
func connectionsElsewhere(ctx context.Context, store *cluster.Store) (limit.Sessions, error) {
	others, err := store.Members(ctx)
	if err != nil {
		return nil, err
	}
	sum := limit.Sessions{}
	for _, other := range others {
		values, err := store.Get(ctx, connectionsName(other.ID))
		if err != nil {
			return nil, err
		}
		var stored storedConnections
		if values[0] == nil || json.Unmarshal(values[0], &stored) != nil || stored.Version != connectionsVersion {
			continue
		}
		addSessions(sum, stored.Clients)
	}
	return sum, nil
}

func addSessions(sum, more limit.Sessions) {
	for client, services := range more {
		if sum[client] == nil {
			sum[client] = map[string]int{}
		}
		for name, n := range services {
			sum[client][name] += max(n, 0)
		}
	}
}
