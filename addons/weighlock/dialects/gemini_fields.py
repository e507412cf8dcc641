"""What Gemini's JSON is made of: the names of Google's Gen AI types, in both of the spellings that its hosts take."""

from __future__ import annotations

import re

from weighlock.dialects.fields import BY_TYPE, Fields, names


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _both(words: str) -> frozenset[str]:
    return frozenset(spelled for name in names(words) for spelled in (name, snake(name)))


_KEYS = _both(
    """
    accessToken adaptationPhrases allowedFunctionNames alpha apiAuth apiKey apiKeyConfig apiKeySecret
    apiKeySecretVersion apiKeyString apiSpec args aspectRatio audio audioTimestamp audioTrackExtraction
    audioTranscription audioTranscriptionConfig authConfig authType authorAttribution autoMode autoTruncate
    avgLogprobs baseModel baseModelId behavior billableCharacterCount bitRate blockReason blockReasonMessage blocked
    blockingConfidence boolValue cacheTokensDetails cachedContent cachedContentTokenCount candidateCount candidates
    candidatesTokenCount candidatesTokensDetails category checkpointId checkpoints chosenCandidates chunkId
    citationMetadata citationSources citations code codeExecution codeExecutionResult compressionQuality computerUse
    confidenceScores consentAudio content contents createTime credentialSecret customConfigs customMetadata
    customVocabulary data dataStore dataStoreSpecs datastore day defaultCheckpointId delivery deployedModelId
    description details diarization disableAttribution disabledSafetyPolicies displayName distanceMeters documentName
    documentOcr domain duration dynamicRetrievalConfig dynamicThreshold echoTargetLanguage elasticSearchParams
    embedding embeddings enableAffectiveDialog enableDataRetention enableEnhancedCivicAnswers
    enablePromptInjectionDetection enableWidget enableZeroDataRetention encodedPolyline endIndex endOffset endTime
    endpoint endpoints engine enterpriseWebSearch environment epoch error exaAiSearch excludeDomains
    excludedPredefinedFunctions executableCode externalApi featureSelectionPreference fileData fileId fileSearch
    fileSearchStore fileSearchStoreNames fileUri filter finishMessage finishReason finished firstPage flagContentUri
    fps frequencyPenalty functionCall functionCallingConfig functionDeclarations functionResponse gcsUri
    generateContentRequest generationConfig googleMaps googleMapsUri googleMapsWidgetContextToken googleSearch
    googleSearchDynamicRetrievalScore googleSearchRetrieval googleServiceAccountConfig groundingAttributions
    groundingChunkIndices groundingChunks groundingMetadata groundingSupports groundingTypes headers
    httpBasicAuthConfig httpElementLocation hybridSearch id idToken image imageConfig imageOutputOptions imageSearch
    imageSearchQueries imageSize imageUri includeServerSideToolInvocations includeThoughts index inlineData
    inputTokenLimit jsonPath jsonSchema key labels language languageAuto languageCode languageCodes languageHints
    lastPage latLng latitude level license llmRanker logProbability logProbabilitySum logprobs logprobsResult
    longitude manualMode maps maxOutputTokens maxResults maxTemperature mcpServers mediaId mediaResolution message
    metadata metadataFilter method mimeType modality mode model modelArmorConfig modelName modelRoutingPreference
    modelSelectionConfig modelStage modelStatus modelVersion models month multiSpeakerVoiceConfig name nextPageToken
    nullValue numHits numTokens numberValue numericValue oauthConfig oidcConfig outcome output
    outputCompressionQuality outputDimensionality outputMimeType outputTokenLimit overwrittenThreshold pageNumber
    pageSpan parallelAiSearch parameters parametersJsonSchema partIndex partMetadata partialArgs parts
    personGeneration photoUri placeAnswerSources placeId places prebuiltVoiceConfig presencePenalty probability
    probabilityScore prominentPeople promptFeedback promptTemplateName promptTokenCount promptTokensDetails
    publicationDate ragChunk ragCorpora ragCorpus ragFileIds ragResources ragRetrievalConfig rankService ranking
    relativePublishTimeDescription renderedContent renderedParts replicatedVoiceConfig requests response
    responseFormat responseId responseJsonSchema responseLogprobs responseMimeType responseModalities responseSchema
    responseTemplateName retirementTime retrieval retrievalConfig retrievalMetadata retrievalQueries retrievedContext
    retrievedUrl review reviewId reviewSnippet reviewSnippets role route routing routingConfig safetyRatings
    safetySettings sampleRate scheduling sdkBlob searchEntryPoint searchTemplate searchTypes seed segment
    serviceAccount serviceTier severity severityScore signature similarityTopK simpleSearchParams sourceFlaggingUris
    sourceId sourceUri speaker speakerLabel speakerVoiceConfigs speechConfig sseReadTimeout startIndex startOffset
    startTime statistics status step stopSequences storeContext streamFunctionCallArguments streamableHttpTransport
    stringListValue stringValue supportedActions supportedGenerationMethods systemInstruction targetLanguageCode
    taskType temperature terminateOnClose text thinking thinkingBudget thinkingConfig thinkingLevel thought
    thoughtSignature thoughtsTokenCount threshold timeRangeFilter timeout title token tokenCount tokenId tokensDetails
    toolCall toolConfig toolResponse toolType toolUsePromptTokenCount toolUsePromptTokensDetails tools topCandidates
    topK topP totalTokenCount totalTokens trafficType translationConfig truncated tunedModelInfo tunedModels
    updateTime uri url urlContext urlContextMetadata urlMetadata urlRetrievalStatus usageMetadata values
    vectorDistanceThreshold vectorSimilarityThreshold version vertexAiSearch vertexRagStore video videoMetadata
    voiceConfig voiceConsentSignature voiceName voiceSampleAudio web webSearch webSearchQueries willContinue word
    wordTimestamp words year
    """
)
_WORDS = _both(
    """
    apiSpec aspectRatio authType baseModel baseModelId behavior blockReason blockingConfidence cachedContent category
    checkpointId chunkId defaultCheckpointId delivery deployedModelId disabledSafetyPolicies encodedPolyline endOffset
    environment featureSelectionPreference fileId fileUri finishReason googleMapsWidgetContextToken httpElementLocation
    id imageSize jsonPath language languageCode languageCodes level mediaId mediaResolution mimeType modality mode model
    modelName modelStage modelVersion nextPageToken outcome outputMimeType overwrittenThreshold personGeneration placeId
    probability prominentPeople responseId responseMimeType responseModalities role scheduling serviceTier severity
    startOffset status supportedActions supportedGenerationMethods targetLanguageCode taskType thinkingLevel
    threshold token toolType trafficType urlRetrievalStatus voiceName
    functionCall/name functionResponse/name functionDeclarations/name allowedFunctionNames models/name models/version
    """
)
GEMINI = Fields(
    keys=_KEYS,
    words=_WORDS,
    free=_both(
        """
        args functionResponse/response toolResponse/response functionDeclarations/parameters
        functionDeclarations/response parametersJsonSchema responseJsonSchema responseSchema jsonSchema partMetadata
        labels customConfigs headers details
        """
    ),
    sealed=_both("thoughtSignature"),
    media={
        "inlineData/data": BY_TYPE,
        "inline_data/data": BY_TYPE,
        "voiceSampleAudio": "audio",
        "voice_sample_audio": "audio",
        "consentAudio": "audio",
        "consent_audio": "audio",
    },
)
