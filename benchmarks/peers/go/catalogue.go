package main

import (
	"encoding/json"

	"peer/graph"
)

// The rows of the upstream, as far as the graph shows them.

type pageRow struct {
	Total  int        `json:"total"`
	Limit  int        `json:"limit"`
	Offset int        `json:"offset"`
	Models []modelRow `json:"models"`
}

type modelRow struct {
	ModelID      string  `json:"model_id"`
	Name         *string `json:"name"`
	ReleaseDate  *string `json:"release_date"`
	Status       *string `json:"status"`
	Organisation *struct {
		OrganisationID string `json:"organisation_id"`
	} `json:"organisation"`
	Aliases []string `json:"aliases"`
	Data    struct {
		InputTypes  []string `json:"input_types"`
		OutputTypes []string `json:"output_types"`
	} `json:"data"`
	Gateway struct {
		Endpoints []string      `json:"endpoints"`
		Providers []providerRow `json:"providers"`
	} `json:"gateway"`
}

type providerRow struct {
	ProviderID        string   `json:"api_provider_id"`
	ProviderName      *string  `json:"api_provider_name"`
	Link              *string  `json:"link"`
	CountryCode       *string  `json:"country_code"`
	Endpoint          string   `json:"endpoint"`
	ProviderModelSlug *string  `json:"provider_model_slug"`
	IsActiveGateway   bool     `json:"is_active_gateway"`
	InputModalities   []string `json:"input_modalities"`
	OutputModalities  []string `json:"output_modalities"`
	EffectiveFrom     *string  `json:"effective_from"`
	EffectiveTo       *string  `json:"effective_to"`
}

// readPage reads a page of the upstream, and brings it into the shape of the graph.
func readPage(body []byte) (*graph.ModelConnection, error) {
	var page pageRow
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, err
	}
	nodes := make([]*graph.Model, len(page.Models))
	for place := range page.Models {
		nodes[place] = buildModel(&page.Models[place])
	}
	return &graph.ModelConnection{
		TotalCount: page.Total, Limit: page.Limit, Offset: page.Offset, Nodes: nodes,
	}, nil
}

func buildModel(row *modelRow) *graph.Model {
	model := &graph.Model{
		ModelID:          row.ModelID,
		Name:             row.Name,
		ReleaseDate:      cut(row.ReleaseDate, 10, ""),
		StatusLabel:      row.Status,
		Aliases:          row.Aliases,
		InputModalities:  row.Data.InputTypes,
		OutputModalities: row.Data.OutputTypes,
		Endpoints:        make([]*graph.Endpoint, len(row.Gateway.Endpoints)),
		Offerings:        make([]*graph.Offering, len(row.Gateway.Providers)),
	}
	if row.Organisation != nil {
		model.Organisation = &graph.Organisation{OrganisationID: row.Organisation.OrganisationID}
	}
	for place, id := range row.Gateway.Endpoints {
		model.Endpoints[place] = &graph.Endpoint{EndpointID: id}
	}
	for place := range row.Gateway.Providers {
		model.Offerings[place] = buildOffering(&row.Gateway.Providers[place])
	}
	return model
}

func buildOffering(row *providerRow) *graph.Offering {
	return &graph.Offering{
		Provider: &graph.Provider{
			ProviderID:  row.ProviderID,
			Name:        row.ProviderName,
			Link:        row.Link,
			CountryCode: row.CountryCode,
		},
		Endpoint:          &graph.Endpoint{EndpointID: row.Endpoint},
		ProviderModelSlug: row.ProviderModelSlug,
		IsRoutable:        row.IsActiveGateway,
		InputModalities:   row.InputModalities,
		OutputModalities:  row.OutputModalities,
		EffectiveFrom:     cut(row.EffectiveFrom, 19, "Z"),
		EffectiveTo:       cut(row.EffectiveTo, 19, "Z"),
	}
}

func cut(text *string, length int, end string) *string {
	if text == nil || *text == "" {
		return nil
	}
	short := (*text)[:min(length, len(*text))] + end
	return &short
}
