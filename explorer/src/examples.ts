/** Dates that the examples use. */
export interface Dates {
  /** Today in the user's time zone, such as `2025-12-31`. */
  today: string;
  /**
   * Last day of a query: today, or the newest release day of the catalogue if it is older,
   * so that an old catalogue also gives results.
   */
  until: string;
  /** 90 days before `until`. */
  since: string;
}

export interface Example {
  group: 'Prices' | 'First steps' | 'Lists and filters' | 'Going further';
  question: string;
  hint: string;
  query: string;
  /** Absent if the query has no variables. */
  variables?: (dates: Dates) => string;
}

/** `newest`: the newest release day of the catalogue, if known. */
export function dates(newest: string | null, now = new Date()): Dates {
  const today = format(new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())));
  const until = newest !== null && newest < today ? newest : today;
  const since = new Date(`${until}T00:00:00Z`);
  since.setUTCDate(since.getUTCDate() - 90);
  return { today, until, since: format(since) };
}

const format = (day: Date): string => day.toISOString().slice(0, 10);

/** Formats JSON with short lists on one line, because the pane of variables has few lines. */
const json = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    /\[\s+([^[\]{}]*?)\s+\]/g,
    (_, items: string) => `[${items.replace(/\s*\n\s*/g, ' ')}]`,
  );

/**
 * Examples on the start page, simple ones first. To add one, add an entry. Each query is run by
 * `tests/web/test_explorer_browser.py`. Model ids are aliases, because dated ids disappear.
 */
export const EXAMPLES: Example[] = [
  {
    group: 'Prices',
    question: 'What do models cost?',
    hint: 'The newest models that write text, with prices and sizes. Sort the table by price.',
    query: `# US dollars per million text tokens: the lowest list price of those who serve it.
query Prices($filter: ModelFilter) {
  models(
    filter: $filter
    orderBy: { field: RELEASE_DATE, direction: DESC }
    first: 25
  ) {
    totalCount
    nodes {
      modelId
      inputPrice
      outputPrice
      maxInputTokens
      maxOutputTokens
      releaseDate
    }
  }
}
`,
    variables: () => json({ filter: { outputModalities: ['text'], isRoutable: true } }),
  },
  {
    group: 'Prices',
    question: 'Who serves this model cheapest?',
    hint: 'What a usage of yours costs with each provider. Change the tokens in the variables.',
    query: `# What a usage costs, with the cheapest and with each of the others.
query Cheapest($modelId: String!, $usage: Usage!) {
  model(modelId: $modelId) {
    name
    cheapestOffering(usage: $usage) {
      provider {
        providerId
      }
      cost(usage: $usage) {
        amount
        currency
        parts {
          meter
          quantity
          amount
        }
      }
    }
    offerings {
      provider {
        providerId
      }
      endpoint {
        endpointId
      }
      inputPrice
      outputPrice
      cost(usage: $usage) {
        amount
        currency
      }
    }
  }
}
`,
    variables: () =>
      json({ modelId: 'openai/gpt-oss-120b', usage: { inputTokens: 1_000_000, outputTokens: 200_000 } }),
  },
  {
    group: 'Prices',
    question: 'Which is the cheapest for my task?',
    hint: 'It accepts images, supports tools and has room for 200,000 tokens. With what your usage would cost.',
    query: `# The cheapest models that can do it, and what a usage costs with each.
query CheapestForTask($filter: ModelFilter!, $usage: Usage!) {
  models(
    filter: $filter
    orderBy: { field: INPUT_PRICE, direction: ASC }
    first: 10
  ) {
    totalCount
    nodes {
      modelId
      inputPrice
      outputPrice
      maxInputTokens
      cheapestOffering(usage: $usage) {
        provider {
          name
        }
        cost(usage: $usage) {
          amount
          currency
        }
      }
    }
  }
}
`,
    variables: () =>
      json({
        filter: { inputModalities: ['image'], allParameters: ['tools'], minInputTokens: 200_000, isRoutable: true },
        usage: { inputTokens: 3_000_000, outputTokens: 500_000 },
      }),
  },
  {
    group: 'First steps',
    question: 'What is the newest?',
    hint: 'A list, newest first. Add a field and run again.',
    query: `# The ten newest models.
# Put the cursor behind "name", press Enter and type: fields are suggested.
query Newest {
  models(orderBy: { field: RELEASE_DATE, direction: DESC }, first: 10) {
    totalCount
    nodes {
      modelId
      name
      releaseDate
      organisation {
        name
      }
    }
  }
}
`,
  },
  {
    group: 'First steps',
    question: 'Who serves this model, and where?',
    hint: 'One model by its id or an alias, with every offering of it.',
    query: `# One model, by its id or one of its aliases, and who offers it.
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
    }
  }
}
`,
    variables: () => json({ modelId: 'openai/gpt-5' }),
  },
  {
    group: 'First steps',
    question: 'Search as you type',
    hint: 'Best match first. Change the word in the variables.',
    query: `# What a search box asks with every letter.
query Search($text: String!) {
  models(search: $text, first: 8) {
    totalCount
    nodes {
      modelId
      name
      statusLabel
      organisation {
        name
      }
    }
  }
}
`,
    variables: () => json({ text: 'claude' }),
  },
  {
    group: 'Lists and filters',
    question: 'Which models take images and can be called for chat?',
    hint: 'Several filters at once; all of them must hold.',
    query: `# Models that take images, can be called for chat, and are served today.
query ModelsThatSee($filter: ModelFilter!) {
  models(
    filter: $filter
    orderBy: { field: RELEASE_DATE, direction: DESC }
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
    variables: () =>
      json({ filter: { inputModalities: ['image'], endpoints: ['chat.completions'], isRoutable: true } }),
  },
  {
    group: 'Lists and filters',
    question: 'What came out lately?',
    hint: 'A range of days: the last 90 for which the catalogue has releases.',
    query: `# Releases in a range of days, both included: see the variables.
query Lately($days: DateRange!) {
  models(
    filter: { releaseDate: $days }
    orderBy: { field: RELEASE_DATE, direction: DESC }
  ) {
    totalCount
    nodes {
      modelId
      name
      releaseDate
      organisation {
        name
      }
    }
  }
  catalogue {
    totalModels
    asOf
  }
}
`,
    variables: ({ since, until }) => json({ days: { from: since, to: until } }),
  },
  {
    group: 'Lists and filters',
    question: 'A list with filters and counts',
    hint: 'What a page with a sidebar asks. One value is misspelt on purpose.',
    query: `# The list, and for each box of a sidebar how many models one more tick
# would give. One organisation is misspelt: unknownFilterValues says so.
query FilteredList($filter: ModelFilter, $offset: Int = 0) {
  models(filter: $filter, limit: 10, offset: $offset) {
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
    variables: () =>
      json({
        filter: { organisations: ['openai', 'antropic'], outputModalities: ['text'], includeRetired: false },
      }),
  },
  {
    group: 'Going further',
    question: 'Compare three models',
    hint: 'Aliases ask one field three times; a fragment says once what to show.',
    query: `# One request for three models. The table shows them side by side.
query CompareThree($a: String!, $b: String!, $c: String!) {
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
  inputPrice
  outputPrice
  maxInputTokens
  inputModalities
  outputModalities
  providers {
    name
  }
}
`,
    variables: () =>
      json({ a: 'openai/gpt-5', b: 'anthropic/claude-sonnet-4.5', c: 'google/gemini-2.5-pro' }),
  },
  {
    group: 'Going further',
    question: 'What may a request to this model contain?',
    hint: 'Parameters with their types and bounds, and who takes them.',
    query: `# What can be sent to a model, and which providers take it.
query Parameters($modelId: String!) {
  model(modelId: $modelId) {
    name
    maxInputTokens
    maxOutputTokens
    parameters {
      name
      type
      minimum
      maximum
      default
      values
      providers {
        name
      }
    }
  }
}
`,
    variables: () => json({ modelId: 'openai/gpt-oss-120b' }),
  },
  {
    group: 'Going further',
    question: 'A provider, and what it serves',
    hint: 'From a provider to its models, with pages by cursor.',
    query: `# The first page of what one provider serves. For the next page, put
# endCursor into the variable "after".
query ProviderPage($providerId: String!, $after: String) {
  provider(providerId: $providerId) {
    name
    countryCode
    link
    endpoints {
      endpointId
    }
    models(first: 10, after: $after, orderBy: { field: NAME, direction: ASC }) {
      totalCount
      nodes {
        modelId
        name
        offerings {
          provider {
            name
          }
          providerModelSlug
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
`,
    variables: () => json({ providerId: 'openai', after: null }),
  },
];
