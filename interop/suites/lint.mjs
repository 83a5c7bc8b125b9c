import { ESLint } from 'eslint';
import { INTEROP, ROOT, SCHEMA } from '../lib/places.mjs';

export const title = 'graphql-eslint over schema.graphql';

export default async function ({ check }) {
  await check('no finding', async () => {
    const eslint = new ESLint({
      cwd: ROOT,
      overrideConfigFile: `${INTEROP}/eslint.config.mjs`,
      ignore: false,
    });
    const [{ messages }] = await eslint.lintFiles([SCHEMA]);
    if (messages.length) {
      throw new Error(messages.map(({ line, ruleId, message }) => `${line}: ${ruleId} ${message}`).join('\n'));
    }
    const { rules } = await eslint.calculateConfigForFile(SCHEMA);
    return `${Object.values(rules).filter(([level]) => level).length} rules`;
  });
}
