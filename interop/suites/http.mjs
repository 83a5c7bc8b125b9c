import { serverAudits } from 'graphql-http';

export const title = 'every audit of GraphQL over HTTP';

export default async function ({ url, check }) {
  const audits = serverAudits({ url, fetchFn: fetch });
  for (const level of ['MUST', 'SHOULD', 'MAY']) {
    const ours = audits.filter(({ name }) => name.startsWith(`${level} `));
    await check(level, async () => {
      const wrong = [];
      for (const { id, name, fn } of ours) {
        const { status, reason } = await fn();
        if (status !== 'ok') wrong.push(`${id} ${name}: ${reason}`);
      }
      if (wrong.length) throw new Error(wrong.join('\n'));
      return `${ours.length}/${ours.length}`;
    });
  }
}
