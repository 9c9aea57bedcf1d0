/** WSO2 Identity Server: members are added without a path. */
import type { TargetDialect } from '../target-dialect.ts';

export const wso2: TargetDialect = {
  name: 'wso2',
  title: 'WSO2 Identity Server',
  rows: ['T27'],
  sources: [
    'https://github.com/wso2/product-is/issues/11678',
    'https://github.com/wso2/product-is/issues/16933',
  ],
  knobs: {
    memberPath: 'pathless',
    etags: false,
  },
  limits: {},
};
