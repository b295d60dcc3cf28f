// Placements: which instances of extensions run at which level, and which nodes the
// pipelines have. This file knows their shape in JSON; plan.go says what is wrong.

package main

import (
	"bytes"
	"encoding/json"
)

// A placement is the whole of a file. Groups have pipelines; those that are in no group
// stand beside the groups.
//
//	{
//	  "extensions": {"shipper": {"extension": "token", "config": {…}}},
//	  "groups": {
//	    "ops": {
//	      "extensions": {"few": {"extension": "ratelimit", "config": {…}}},
//	      "pipelines": {
//	        "requests": {
//	          "extensions": {"owners": {"extension": "dataset", "config": {…}}},
//	          "nodes": {
//	            "owner": {"type": "label", "capabilities": {"lookup": "owners"}},
//	            "brake": {"type": "throttle", "capabilities": {"limit": "few"}}
//	          }
//	        }
//	      }
//	    }
//	  },
//	  "pipelines": {"anything": {"nodes": {…}}}
//	}
type placement struct {
	Extensions members[instanceText] `json:"extensions"`
	Groups     members[groupText]    `json:"groups"`
	Pipelines  members[pipelineText] `json:"pipelines"`
}

type groupText struct {
	Extensions members[instanceText] `json:"extensions"`
	Pipelines  members[pipelineText] `json:"pipelines"`
}

type pipelineText struct {
	Extensions members[instanceText] `json:"extensions"`
	Nodes      members[nodeText]     `json:"nodes"`
}

// An instanceText is an instance of an extension.
type instanceText struct {
	Extension word  `json:"extension"`
	Config    value `json:"config"` // in the form of that extension
}

// A nodeText is a node: what it is, and for each capability that it needs the name of the
// instance that provides it.
type nodeText struct {
	Type         word          `json:"type"`
	Capabilities members[word] `json:"capabilities"`
	Config       value         `json:"config"` // in the form of that type
}

// Members are an object whose names are chosen by who writes it, in the order written.
type members[T any] []member[T]

type member[T any] struct {
	name  string
	at    int // of the name
	value T
}

func (m *members[T]) read(d *document, v value) {
	if !d.is(v, '{') {
		return
	}
	for _, f := range v.members {
		next := member[T]{name: f.name, at: f.at}
		d.into(f.value, &next.value)
		*m = append(*m, next)
	}
}

// A word is a string that knows its place.
type word struct {
	string
	at  int  // 0 if it is missing
	bad bool // it is no string, which was said
}

func (w *word) read(d *document, v value) {
	before := len(d.wrong)
	d.into(v, &w.string)
	w.at, w.bad = v.at, len(d.wrong) > before
}

func (v *value) read(_ *document, is value) { *v = is }

// missing reports whether there is no such value.
func (v value) missing() bool { return v.end == 0 }

// plain returns the value in one form for all ways of writing it, "" if it is missing.
func (d *document) plain(v value) string {
	if v.missing() {
		return ""
	}
	var is any
	decoder := json.NewDecoder(bytes.NewReader(d.text[v.at:v.end]))
	decoder.UseNumber() // nothing is rounded
	_ = decoder.Decode(&is)
	form, _ := json.Marshal(is)
	return string(form)
}
