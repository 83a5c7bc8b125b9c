/** What the server says about itself in the page; none of it is secret. */
export interface Facts {
  /** `demo`: the embedded catalogue. */
  catalogue: 'demo' | 'live';
  /** Of the gateway; empty when the page does not say. */
  version: string;
  /** Whether clients may ask for the schema. */
  introspection: boolean;
  /** Whether `X-API-Key` is required. */
  apiKeys: boolean;
  /** Whether callers bring the upstream's token in `Authorization`. */
  passthrough: boolean;
  /** Whether `X-Catalograph-Trace` has an effect. */
  trace: boolean;
  /**
   * Whether the query of a link may run at once. False when another site opened the page,
   * and when the browser does not say who did.
   */
  runLink: boolean;
}

const CAUTIOUS: Facts = {
  catalogue: 'live',
  version: '',
  introspection: true,
  apiKeys: false,
  passthrough: false,
  trace: false,
  runLink: false,
};

function read(): Facts {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="catalograph"]');
  try {
    return { ...CAUTIOUS, ...(JSON.parse(meta?.content || '{}') as Partial<Facts>) };
  } catch {
    return CAUTIOUS;
  }
}

export const facts = read();
