/** What a tab starts with, and what the panel of examples lists. */
export interface Example {
  question: string;
  hint: string;
  query: string;
  variables: string;
}

const day = (year: number, month: number, date: number): string =>
  new Date(Date.UTC(year, month, date)).toISOString().slice(0, 10);

/** First and last day of the month that holds `now`, by the reader's own calendar. */
export function monthOf(now: Date): { from: string; to: string } {
  const year = now.getFullYear();
  const month = now.getMonth();
  return { from: day(year, month, 1), to: day(year, month + 1, 0) };
}

/** JSON with lists of plain values on one line: the pane of variables is low. */
const json = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    /\[\s+([^[\]{}]*?)\s+\]/g,
    (_, items: string) => `[${items.replace(/\s*\n\s*/g, ' ')}]`,
  );

/** The ids are aliases, which outlive the dated ids behind them. */
export function examples(now: Date): Example[] {
  return [
    {
      question: 'Which models take images and can be called for chat?',
      hint: 'A filter over the whole catalogue, newest first.',
      query: `# Which models take images
# and can be called for chat?
# Press the play button, or Ctrl+Enter.
query ModelsThatSee($filter: ModelFilter!) {
  models(
    filter: $filter
    orderBy: {
      field: RELEASE_DATE
      direction: DESC
    }
    first: 20
  ) {
    totalCount
    nodes {
      modelId
      name
      releaseDate
      inputModalities
      organisation {
        name
      }
    }
  }
}
`,
      variables: json({
        filter: {
          inputModalities: ['image'],
          endpoints: ['chat.completions'],
          isRoutable: true,
        },
      }),
    },
    {
      question: 'Who serves this model, and where?',
      hint: 'One model by its id or an alias, with every offering of it.',
      query: `# Who serves this model, and where?
# A model id or one of its aliases.
query WhoServesIt($modelId: String!) {
  model(modelId: $modelId) {
    name
    status
    offerings {
      provider {
        name
        countryCode
        link
      }
      endpoint {
        endpointId
      }
      providerModelSlug
      isRoutable
      effectiveFrom
      effectiveTo
    }
  }
}
`,
      variables: json({ modelId: 'openai/gpt-5' }),
    },
    {
      question: 'What came out this month?',
      hint: 'A range of release days, filled in with the current month.',
      query: `# What came out this month?
# The month in which this page was
# first opened: see the variables.
query NewThisMonth($month: DateRange!) {
  thisMonth: models(
    filter: { releaseDate: $month }
    orderBy: {
      field: RELEASE_DATE
      direction: DESC
    }
  ) {
    totalCount
    nodes {
      ...Release
    }
  }
  # A month may be young: the newest of all.
  newest: models(
    orderBy: {
      field: RELEASE_DATE
      direction: DESC
    }
    first: 5
  ) {
    nodes {
      ...Release
    }
  }
  catalogue {
    totalModels
    asOf
  }
}

fragment Release on Model {
  modelId
  name
  releaseDate
  organisation {
    name
  }
}
`,
      variables: json({ month: monthOf(now) }),
    },
    {
      question: 'A list with filters and counts',
      hint: 'What a page with a sidebar asks. One value is misspelt on purpose.',
      query: `# A list with filters and counts
# What a page with a sidebar asks:
# the list, and for each box how many
# models one more tick would give.
# One organisation is misspelt, and
# unknownFilterValues says so.
query FilteredList(
  $filter: ModelFilter
  $search: String
  $offset: Int = 0
) {
  models(
    filter: $filter
    search: $search
    limit: 10
    offset: $offset
  ) {
    totalCount
    nodes {
      modelId
      name
      statusLabel
    }
    facets {
      organisations {
        value
        label
        count
      }
      endpoints {
        value
        count
      }
      inputModalities {
        value
        count
      }
      statuses {
        value
        count
      }
    }
    unknownFilterValues {
      field
      value
      suggestion
    }
  }
}
`,
      variables: json({
        filter: {
          organisations: ['openai', 'antropic'],
          outputModalities: ['text'],
          includeRetired: false,
        },
        search: null,
      }),
    },
    {
      question: 'Compare three models',
      hint: 'Aliases ask one field three times, a fragment says once what to show.',
      query: `# Compare three models
query CompareThree(
  $a: String!
  $b: String!
  $c: String!
) {
  a: model(modelId: $a) {
    ...Comparison
  }
  b: model(modelId: $b) {
    ...Comparison
  }
  c: model(modelId: $c) {
    ...Comparison
  }
}

fragment Comparison on Model {
  modelId
  name
  status
  releaseDate
  organisation {
    name
    countryCode
  }
  inputModalities
  outputModalities
  isRoutable
  providers {
    name
  }
}
`,
      variables: json({
        a: 'openai/gpt-5',
        b: 'anthropic/claude-sonnet-4.5',
        c: 'google/gemini-2.5-pro',
      }),
    },
  ];
}
