/** Facts about the server that the page contains; none of them is secret. */
export interface Facts {
  /** `demo` means the embedded catalogue. */
  catalogue: 'demo' | 'live';
  /** Version of the gateway; empty if the page does not contain it. */
  version: string;
  /** Whether introspection is enabled. */
  introspection: boolean;
  /** Whether `X-API-Key` is required. */
  apiKeys: boolean;
  /** Whether callers send the upstream's token in `Authorization`. */
  passthrough: boolean;
  /** Whether `X-Catalograph-Trace` has an effect. */
  trace: boolean;
  /**
   * Whether the query of a link may run at once. False if another site opened the page,
   * or if the browser does not say which site did.
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
